#include "dryrun/libraries.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>

#include "base/text.h"
#include "dryrun/elf_reader.h"
#include "dryrun/elf_writer.h"
#include "dryrun/files.h"
#include "dryrun/resources.h"
#include "dryrun/stubs.h"

namespace vramcast::dryrun {
namespace {
namespace fs = std::filesystem;

uint64_t Hash(std::string_view text, uint64_t hash = 0xcbf29ce484222325) {  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

std::string KeyOf(const PyTorch& torch) {
  uint64_t hash = Hash(DeviceLibrary());
  for (const Resource& module : PythonModules()) hash = Hash(module.bytes, hash);
  for (const std::string& text : {torch.folder.string(), torch.version, torch.installed}) {
    hash = Hash(text, hash);
  }
  return fmt::format("{}-{:016x}", torch.version, hash);
}

bool IsLibrary(const fs::path& path) {
  return path.filename().string().find(".so") != std::string::npos;
}

// Beyond this, a library is kernels, and looks nothing up.
constexpr size_t kLargestSearched = size_t{64} << 20;

struct Users {
  std::vector<ElfLibrary> libraries;
  std::set<std::string> looked_up;
};

// Every shared object beside PyTorch that needs a library of NVIDIA's: PyTorch's own, and
// extensions. NVIDIA's packages themselves are not asked.
Users UsersOfCuda(const fs::path& site_packages) {
  Users users;
  std::error_code error;
  fs::recursive_directory_iterator entries(site_packages,
                                           fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && entries != end;
       entries.increment(error)) {
    const fs::path& path = entries->path();
    std::error_code ignored;
    if (entries.depth() == 0 && path.filename() == "nvidia") {
      entries.disable_recursion_pending();
      continue;
    }
    if (!IsLibrary(path) || !fs::is_regular_file(path, ignored)) continue;
    const auto file = MappedFile::Open(path);
    if (!file) continue;
    auto library = ReadElf(file->bytes());
    if (!library) continue;
    if (std::any_of(library->needed.begin(), library->needed.end(), IsNvidiaLibrary)) {
      library->defined.clear();
      users.libraries.push_back(std::move(*library));
      const auto bytes = file->bytes();
      if (bytes.size() > kLargestSearched) continue;
      for (std::string& name :
           LookedUpIn({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
        users.looked_up.insert(std::move(name));
      }
    }
  }
  return users;
}

// The driver's functions that Triton's launchers call are compiled at run time, so they stand in
// C text and headers that its package carries.
void AddTritonNames(const fs::path& site_packages, std::set<std::string>* names) {
  const fs::path nvidia = site_packages / "triton" / "backends" / "nvidia";
  for (const char* file : {"driver.c", "driver.py", "include/cuda.h"}) {
    const auto text = ReadWhole(nvidia / file);
    if (!text) continue;
    for (std::string& name : DriverNamesIn(*text)) names->insert(std::move(name));
  }
}

// What a run that was ended in the middle left: NAME.PID.part of processes that are gone.
void ClearLeftovers(const fs::path& folder) {
  constexpr std::string_view kPart = ".part";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(kPart)) continue;
    const std::string stem = name.substr(0, name.size() - kPart.size());
    const auto owner = ParseInt(stem.substr(stem.rfind('.') + 1));
    if (owner && kill(static_cast<pid_t>(*owner), 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

Status Fill(const fs::path& folder, const PyTorch& torch) {
  const fs::path python = folder / "python";
  std::error_code error;
  fs::create_directories(python, error);
  if (error) {
    return MachineError(fmt::format("cannot make {}: {}", python.string(), error.message()));
  }
  std::vector<std::pair<fs::path, std::string>> files;
  files.emplace_back(folder / kDeviceLibrary, DeviceLibrary());
  for (const Resource& module : PythonModules()) {
    files.emplace_back(python / module.name, module.bytes);
  }
  const std::string_view device = DeviceLibrary();
  const auto own = ReadElf({reinterpret_cast<const uint8_t*>(device.data()), device.size()});
  if (!own) return tl::make_unexpected(own.error());
  std::set<std::string> implemented;
  for (const ElfSymbol& symbol : own->defined) implemented.insert(symbol.name);
  const fs::path site_packages = torch.folder.parent_path();
  Users users = UsersOfCuda(site_packages);
  if (users.libraries.empty()) {
    return MachineError(fmt::format(
        "no library of PyTorch at {} needs CUDA: is it installed whole?", torch.folder.string()));
  }
  AddTritonNames(site_packages, &users.looked_up);
  const std::vector<std::string> looked_up(users.looked_up.begin(), users.looked_up.end());
  for (const StubLibrary& stub : PlanStubs(users.libraries, looked_up, implemented)) {
    files.emplace_back(folder / stub.soname, WriteStub(stub));
    // What `-lcuda` looks for.
    if (stub.soname == "libcuda.so.1") files.emplace_back(folder / "libcuda.so", WriteStub(stub));
  }
  for (const auto& [path, bytes] : files) {
    if (Status status = WriteWhole(path, bytes); !status) return status;
  }
  return {};
}

}  // namespace

Result<Libraries> MakeLibraries(const PyTorch& torch, const fs::path& cache) {
  const fs::path folder = cache / "dryrun" / KeyOf(torch);
  Libraries libraries{folder, folder / "python", false};
  std::error_code error;
  if (fs::exists(folder, error)) return libraries;
  ClearLeftovers(folder.parent_path());
  // Made beside its place and renamed, so that runs side by side see all of it or nothing.
  const fs::path part = fmt::format("{}.{}.part", folder.string(), getpid());
  Status status = Fill(part, torch);
  if (status) {
    fs::rename(part, folder, error);
    if (error && !fs::exists(folder)) {
      status = MachineError(fmt::format("cannot make {}: {}", folder.string(), error.message()));
    }
  }
  fs::remove_all(part, error);
  if (!status) return tl::make_unexpected(status.error());
  libraries.fresh = true;
  return libraries;
}

}  // namespace vramcast::dryrun
