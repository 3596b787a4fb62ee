#include "dryrun/scratch.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace vramcast::dryrun {
namespace {
namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "vramcast-dryrun-";

std::vector<std::string>& Folders() {
  static auto* folders = new std::vector<std::string>;
  return *folders;
}

void ClearLeftovers(const fs::path& base) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(base, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const std::string_view rest = std::string_view(name).substr(kPrefix.size());
    const auto owner = ParseInt(rest.substr(0, rest.find('-')));
    if (owner && kill(static_cast<pid_t>(*owner), 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

Result<Scratch> Scratch::Make() {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  if (error) return MachineError("there is no folder for temporary files (TMPDIR)");
  ClearLeftovers(base);
  std::string name = (base / fmt::format("{}{}-XXXXXX", kPrefix, getpid())).string();
  if (mkdtemp(name.data()) == nullptr) {
    return MachineError(
        fmt::format("cannot make a folder in {}: {}", base.string(), std::strerror(errno)));
  }
  return Scratch(name);
}

Scratch::Scratch(fs::path path) : path_(std::move(path)) { Folders().push_back(path_.string()); }

Scratch::~Scratch() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  std::erase(Folders(), path_.string());
}

std::vector<std::string> Scratch::Alive() { return Folders(); }

Scratch::Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}

}  // namespace vramcast::dryrun
