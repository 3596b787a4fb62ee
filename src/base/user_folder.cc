#include "base/user_folder.h"

#include <cstdlib>
#include <string>

namespace vramcast {
namespace {

namespace fs = std::filesystem;

fs::path Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<fs::path> Folder(const char* own, const char* desktop, const fs::path& below_home) {
  if (const fs::path folder = Variable(own); !folder.empty()) return folder;
  if (const fs::path base = Variable(desktop); !base.empty()) return base / "vramcast";
  if (const fs::path home = Variable("HOME"); !home.empty()) return home / below_home / "vramcast";
  return MachineError(std::string("no folder to keep things in: neither ") + own +
                      " nor HOME is set");
}

}  // namespace

Result<fs::path> CacheFolder() { return Folder("VRAMCAST_CACHE_DIR", "XDG_CACHE_HOME", ".cache"); }

Result<fs::path> DataFolder() {
  return Folder("VRAMCAST_DATA_DIR", "XDG_DATA_HOME", ".local/share");
}

}  // namespace vramcast
