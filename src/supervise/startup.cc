#include "supervise/startup.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <utility>

// The assembler reads the file; its path comes from data.cmake.
asm(".section .rodata\n"
    ".global vramcast_startup_module\n"
    "vramcast_startup_module:\n"
    ".incbin \"" VRAMCAST_STARTUP_MODULE
    "\"\n"
    ".global vramcast_startup_module_end\n"
    "vramcast_startup_module_end:\n.byte 0\n"
    ".previous\n");
extern "C" const char vramcast_startup_module[];
extern "C" const char vramcast_startup_module_end[];

namespace vramcast::supervise {

namespace fs = std::filesystem;

std::string_view StartupSource() {
  return {vramcast_startup_module,
          static_cast<size_t>(vramcast_startup_module_end - vramcast_startup_module)};
}

Result<StartupModule> StartupModule::Write(const std::string& snapshots, bool records,
                                           int64_t max_entries) {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  // Python compares paths without links, so that links must not stand in this one.
  const fs::path real = fs::canonical(error ? fs::path("/tmp") : base, error);
  std::string folder = ((error ? base : real) / "vramcast-run-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    return MachineError("cannot make a folder in " + base.string());
  }
  StartupModule module;
  module.folder_ = folder;
  module.environment_ = {{kRunVariable, folder}};
  if (!records) return module;
  fs::create_directory(module.records(), error);
  std::ofstream file(folder + "/sitecustomize.py", std::ios::binary);
  file << StartupSource();
  file.flush();
  if (!file || error) return MachineError("cannot write the start-up module into " + folder);
  const char* before = getenv("PYTHONPATH");
  const bool none = before == nullptr || *before == '\0';
  module.environment_ = {{"PYTHONPATH", none ? folder : folder + ":" + before},
                         {kRunVariable, folder},
                         {"VRAMCAST_SNAPSHOTS", fs::absolute(snapshots, error).string()},
                         {"VRAMCAST_HISTORY_ENTRIES", std::to_string(max_entries)}};
  return module;
}

StartupModule::StartupModule(StartupModule&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), environment_(std::move(other.environment_)) {}

StartupModule::~StartupModule() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace vramcast::supervise
