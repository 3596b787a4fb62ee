#include "cli/source_line.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace vramcast::cli {
namespace {

constexpr uintmax_t kLargestFile = 4 << 20;
constexpr size_t kLongest = 100;

std::string Shortened(std::string line) {
  line.erase(0, line.find_first_not_of(" \t"));
  // A comment behind the code says too much here; a # within a string stays.
  const size_t comment = line.find(" #");
  if (comment != std::string::npos && line.find_first_of("\"'") > comment) line.resize(comment);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  const bool plain =
      std::none_of(line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; });
  if (!plain) return "";
  if (line.size() > kLongest) line = line.substr(0, kLongest - 3) + "...";
  return line;
}

std::vector<std::string> Read(const std::string& path) {
  std::vector<std::string> lines;
  std::error_code error;
  if (!path.ends_with(".py") || !std::filesystem::is_regular_file(path, error)) return lines;
  if (std::filesystem::file_size(path, error) > kLargestFile || error) return lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(Shortened(std::move(line)));
  return lines;
}

}  // namespace

const std::string& SourceLines::Text(const std::string& path, uint64_t line) {
  static const std::string kNone;
  const auto [at, is_new] = files_.try_emplace(path);
  if (is_new) at->second = Read(path);
  const std::vector<std::string>& lines = at->second;
  return line >= 1 && line <= lines.size() ? lines[line - 1] : kNone;
}

}  // namespace vramcast::cli
