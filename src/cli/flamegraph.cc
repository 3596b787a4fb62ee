#include "cli/flamegraph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

namespace vramcast::cli {
namespace {

constexpr double kWidth = 1200;
constexpr int kRow = 18;
constexpr int kDeepest = 128;

struct Node {
  Bytes bytes;
  std::map<std::string, std::unique_ptr<Node>> children;
};

std::string Escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    }
  }
  return out;
}

int DepthOf(const Node& node) {
  int depth = 0;
  for (const auto& [name, child] : node.children) depth = std::max(depth, DepthOf(*child));
  return depth + 1;
}

void Draw(const Node& node, const std::string& name, double x, double scale, int depth, int rows,
          Bytes total, std::string* out) {
  const double width = static_cast<double>(node.bytes.count()) * scale;
  if (width < 0.3) return;
  const int y = (rows - depth) * kRow + 30;
  const size_t hash = std::hash<std::string>{}(name);
  const std::string label = Escape(name);
  *out += fmt::format(
      "<g><title>{} {} ({:.1f} %)</title><rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" "
      "height=\"{}\" fill=\"hsl({},70%,{}%)\" rx=\"1\"/>",
      label, FormatBytes(node.bytes),
      100.0 * static_cast<double>(node.bytes.count()) / static_cast<double>(total.count()), x, y,
      width, kRow - 1, 10 + hash % 45, 60 + (hash >> 8) % 15);
  const auto fits = static_cast<size_t>(width / 7);
  if (fits >= 4) {
    *out += fmt::format("<text x=\"{:.1f}\" y=\"{}\">{}</text>", x + 3, y + 13,
                        Escape(name.size() <= fits ? name : name.substr(0, fits - 2) + ".."));
  }
  *out += "</g>\n";
  for (const auto& [child_name, child] : node.children) {
    Draw(*child, child_name, x, scale, depth + 1, rows, total, out);
    x += static_cast<double>(child->bytes.count()) * scale;
  }
}

}  // namespace

std::string FlameGraph(const std::vector<LiveBlock>& blocks, const Attribution& attribution,
                       const std::string& title) {
  Node root;
  std::map<uint32_t, std::pair<StackId, Bytes>> stacks;
  for (const LiveBlock& block : blocks) {
    stacks[block.stack.value].first = block.stack;
    stacks[block.stack.value].second += block.size;
  }
  for (const auto& [value, entry] : stacks) {
    const auto& [stack, bytes] = entry;
    std::vector<std::string> frames = attribution.Frames(stack);
    if (frames.empty()) frames.push_back("without a stack");
    if (frames.size() > kDeepest) frames.resize(kDeepest);
    root.bytes += bytes;
    Node* node = &root;
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
      auto& child = node->children[*frame];
      if (!child) child = std::make_unique<Node>();
      child->bytes += bytes;
      node = child.get();
    }
  }
  const int rows = DepthOf(root);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" "
      "font-family=\"monospace\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"#fff\"/>\n<text x=\"{}\" y=\"20\" font-size=\"14\" "
      "text-anchor=\"middle\">{}</text>\n",
      static_cast<int>(kWidth), rows * kRow + 50, static_cast<int>(kWidth / 2), Escape(title));
  if (root.bytes > Bytes(0)) {
    Draw(root, "all: " + FormatBytes(root.bytes), 0,
         kWidth / static_cast<double>(root.bytes.count()), 1, rows, root.bytes, &out);
  }
  return out + "</svg>\n";
}

}  // namespace vramcast::cli
