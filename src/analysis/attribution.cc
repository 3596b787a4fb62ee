#include "analysis/attribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace vramcast {
namespace {

// Windows writes its paths with the other slash.
std::string Normal(std::string_view file) {
  std::string path(file);
  std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

// Files that belong to the machinery between a program and the allocator: PyTorch, and libraries
// that pass tensors on without deciding anything about memory.
bool IsMachinery(std::string_view file) {
  constexpr std::array<std::string_view, 17> kParts = {
      "site-packages/torch/",
      "dist-packages/torch/",
      "/torch/nn/",
      "/torch/optim/",
      "/torch/_",
      "/torch/utils/",
      "/torch/autograd/",
      "/torch/cuda/",
      "contextlib.py",
      "threading.py",
      "<frozen",
      "/torch/csrc/",
      "einops/",
      "opt_einsum/",
      "jaxtyping/",
      "beartype/",
      "typeguard/",
  };
  constexpr std::array<std::string_view, 9> kNative = {".cpp", ".cc",  ".c",  ".cu", ".cuh",
                                                       ".h",   ".hpp", ".so", ".o"};
  const auto ends = [&](std::string_view suffix) { return file.ends_with(suffix); };
  const auto contains = [&](std::string_view part) { return Contains(file, part); };
  return file.empty() || file == "??" || std::any_of(kNative.begin(), kNative.end(), ends) ||
         std::any_of(kParts.begin(), kParts.end(), contains);
}

// torch.compile puts what it wrote into torchinductor_USER/xx/c….py, the name a hash of 51 letters.
bool IsCompiled(std::string_view file) {
  if (Contains(file, "torchinductor") || Contains(file, "inductor/")) return true;
  constexpr size_t kHash = 52;
  const std::string_view name = file.substr(file.rfind('/') + 1);
  return name.size() == kHash + 3 && name.ends_with(".py") && name.starts_with('c') &&
         std::all_of(name.begin(), name.end() - 3,
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'); });
}

// The end of a path that still says which file it is.
std::string_view Short(std::string_view file) {
  for (const std::string_view root : {"site-packages/", "dist-packages/"}) {
    const size_t at = file.rfind(root);
    if (at != std::string_view::npos) return file.substr(at + root.size());
  }
  const size_t last = file.rfind('/');
  if (last == std::string_view::npos || last == 0) return file;
  const size_t before = file.rfind('/', last - 1);
  return before == std::string_view::npos ? file : file.substr(before + 1);
}

// The identifier that follows `begin`.
std::string NameAfter(std::string_view text, std::string_view begin) {
  const size_t at = text.find(begin);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + begin.size());
  const auto end = std::find_if(rest.begin(), rest.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_';
  });
  const std::string_view name = rest.substr(0, static_cast<size_t>(end - rest.begin()));
  return std::string(name.substr(0, name.find("_apply_functional")));
}

// One frame's say about what is allocated; frames are asked from the innermost on.
std::optional<Category> FromFrame(std::string_view file, std::string_view function) {
  if (Contains(file, "/optim/") || Contains(file, "optim.py") || Contains(file, "adafactor") ||
      Contains(file, "muon") || Contains(file, "adamw") || Contains(file, "optimizer")) {
    return Category::kOptimizer;
  }
  if (Contains(function, "_init_group") || Contains(function, "optimizer_step"))
    return Category::kOptimizer;
  if (Contains(file, "distributed/") &&
      (Contains(function, "all_") || Contains(function, "reduce") ||
       Contains(function, "broadcast") || Contains(function, "scatter"))) {
    return Category::kCommunication;
  }
  if (Contains(function, "cross_entropy") || function == "cross_entropy" ||
      Contains(function, "lm_head") || Contains(function, "logits") ||
      Contains(function, "loss_function")) {
    return Category::kLogits;
  }
  if (function == "backward" || Contains(function, "run_backward") ||
      Contains(function, "_engine_run")) {
    return Category::kGradients;
  }
  if (function == "__init__" || Contains(function, "init_weights") || function == "_apply" ||
      function == "to_empty" || function == "to" || function == "convert" ||
      Contains(function, "load_state_dict") || Contains(function, "from_pretrained")) {
    return Category::kParameters;
  }
  if (function == "forward" || function == "__call__" || Contains(function, "generate") ||
      Contains(file, "/gpt.py")) {
    return Category::kActivations;
  }
  return std::nullopt;
}

}  // namespace

std::string Attribution::FrameText(const Frame& frame) const {
  const std::string path = Normal(recording_.strings[frame.file]);
  const std::string_view function = recording_.strings[frame.function];
  const bool has_line = frame.line != 0 && frame.line != UINT64_MAX;
  const bool is_label = !has_line && CategoryFromName(path);  // of a forecast (record.h)
  if (path.empty() || path == "??" || is_label) return std::string(function);
  return has_line ? fmt::format("{}:{} {}", Short(path), frame.line, function)
                  : fmt::format("{} {}", Short(path), function);
}

Attribution::FrameFacts Attribution::FactsOf(const Frame& frame) const {
  const std::string file = Normal(recording_.strings[frame.file]);
  const std::string_view function = recording_.strings[frame.function];
  FrameFacts facts;
  facts.is_python = file.ends_with(".py");
  facts.is_compiled = facts.is_python && IsCompiled(file);
  facts.is_program = !facts.is_compiled && !IsMachinery(file);
  facts.category = FromFrame(file, function);
  // Of a forecast, the file is the category (record.h).
  if (frame.line == 0 && !facts.category) facts.category = CategoryFromName(file);
  if (facts.is_python) return facts;
  facts.op = NameAfter(function, "at::_ops::");
  const bool accumulates = Contains(function, "torch::autograd::AccumulateGrad::");
  facts.node = accumulates ? "AccumulateGrad" : NameAfter(function, "torch::autograd::generated::");
  if (facts.node == "details") facts.node.clear();
  facts.is_autograd = !facts.node.empty() || Contains(function, "torch::autograd::Engine::");
  return facts;
}

Attribution::StackFacts Attribution::RowOf(std::span<const FrameId> stack,
                                           const std::vector<FrameFacts>& facts) const {
  const Frame* line = nullptr;
  const Frame* python = nullptr;
  const Frame* torch_function = nullptr;
  bool compiled = false, autograd = false;
  std::string node;
  StackFacts row;
  std::optional<Category> category;
  for (const FrameId id : stack) {
    if (id.value >= facts.size()) continue;
    const Frame& frame = recording_.frames[id.value];
    const FrameFacts& fact = facts[id.value];
    if (python == nullptr && fact.is_python) python = &frame;
    if (line == nullptr && fact.is_program) line = &frame;
    if (line == nullptr) {
      compiled = compiled || fact.is_compiled;
      autograd = autograd || fact.is_autograd;
      if (node.empty()) node = fact.node;
      if (torch_function == nullptr && fact.is_python) torch_function = &frame;
      if (!fact.op.empty()) row.op = fact.op;  // the outermost: what the program called
    }
    if (!category) category = fact.category;
  }
  row.frame = line;
  if (line != nullptr) {
    row.line = FrameText(*line) + (compiled ? " (compiled)" : "");
  } else if (compiled) {
    row.line = "compiled code, " + FrameText(*python);
  } else if (autograd) {
    row.line = node.empty() ? "backward" : "backward: " + node;
    if (python == nullptr) category = Category::kGradients;
  } else if (python != nullptr) {
    row.line = FrameText(*python);
  } else if (!stack.empty() && stack[0].value < recording_.frames.size()) {
    row.line = FrameText(recording_.frames[stack[0].value]);
  } else {
    row.line = "without a stack";
  }
  if (row.op.empty() && torch_function != nullptr) {
    row.op = "in " + FrameText(*torch_function);
  }
  if (row.op.empty()) row.op = "not recorded";
  row.category = category.value_or(Category::kOther);
  return row;
}

Attribution::Attribution(const Recording& recording) : recording_(recording) {
  std::vector<FrameFacts> facts;
  facts.reserve(recording.frames.size());
  for (const Frame& frame : recording.frames) facts.push_back(FactsOf(frame));
  const uint32_t count = recording.stacks.size();
  rows_.reserve(count + 1);
  bool has_python = false;
  for (const FrameFacts& fact : facts) has_python = has_python || fact.is_python;
  for (uint32_t s = 0; s < count; ++s) rows_.push_back(RowOf(recording.stacks[StackId{s}], facts));
  // Where other allocations have Python's frames, one without comes from a thread of C++.
  const StackFacts none = {
      has_python ? "no Python frames: backward, or another thread of C++" : "without a stack",
      nullptr, "not recorded", has_python ? Category::kGradients : Category::kOther};
  for (uint32_t s = 0; s < count; ++s) {
    if (recording.stacks[StackId{s}].empty()) rows_[s] = none;
  }
  rows_.push_back(none);
}

std::vector<std::string> Attribution::Frames(StackId stack) const {
  std::vector<std::string> frames;
  for (const FrameId id : recording_.stacks[stack]) {
    if (id.value < recording_.frames.size()) {
      frames.push_back(FrameText(recording_.frames[id.value]));
    }
  }
  return frames;
}

}  // namespace vramcast
