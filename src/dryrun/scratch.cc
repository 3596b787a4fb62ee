#include "dryrun/scratch.h"

#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Scratch::Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}

}  // namespace vramcast::dryrun
