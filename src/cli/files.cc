#include "cli/files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace vramcast::cli {

Status WriteFile(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  file.close();
  if (!file) return UnreadableError(fmt::format("{}: {}", path, std::strerror(errno)));
  return {};
}

}  // namespace vramcast::cli
