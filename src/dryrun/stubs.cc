#include "dryrun/stubs.h"

#include <algorithm>
#include <array>
#include <map>

#include "dryrun/resources.h"

namespace vramcast::dryrun {
namespace {

// Order matters: the first prefix that a symbol has decides.
struct Family {
  std::string_view library;
  std::array<std::string_view, 3> prefixes;
};
constexpr Family kFamilies[] = {
    {"libcudart", {"cuda", "__cuda", ""}},
    {"libcublasLt", {"cublasLt", "", ""}},
    {"libcublas", {"cublas", "", ""}},
    {"libcudnn", {"cudnn", "", ""}},
    {"libcudss", {"cudss", "", ""}},
    {"libnccl", {"nccl", "pnccl", ""}},
    {"libcusparseLt", {"cusparseLt", "", ""}},
    {"libcusparse", {"cusparse", "", ""}},
    {"libcusolverMg", {"cusolverMg", "", ""}},
    {"libcusolver", {"cusolver", "", ""}},
    {"libcufft", {"cufft", "", ""}},
    {"libcurand", {"curand", "", ""}},
    {"libcupti", {"cupti", "", ""}},
    {"libnvrtc", {"nvrtc", "", ""}},
    {"libnvJitLink", {"nvJitLink", "__nvJitLink", ""}},
    {"libnvToolsExt", {"nvtx", "", ""}},
    {"libnvshmem_host", {"nvshmem", "", ""}},
    {"libcufile", {"cuFile", "", ""}},
    {"libnvidia-ml", {"nvml", "", ""}},
};
constexpr std::string_view kDriver = "libcuda";
constexpr std::string_view kDriverSoname = "libcuda.so.1";
constexpr std::string_view kManagementSoname = "libnvidia-ml.so.1";

bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsWord(char c) {
  return IsUpper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view Stem(std::string_view soname) { return soname.substr(0, soname.find(".so")); }

// Functions that make a handle and put it where their first argument points.
bool MakesHandle(std::string_view symbol) {
  if (symbol.find("Create") == std::string_view::npos) return false;
  if (symbol.starts_with("cudnnBackendCreate") || symbol.find("Destroy") != symbol.npos) {
    return false;
  }
  for (const std::string_view prefix :
       {"cublas", "cudnn", "cusparse", "cusolver", "curand", "nvrtc"}) {
    if (symbol.starts_with(prefix)) return true;
  }
  return false;
}

std::string TargetOf(const std::string& symbol, const std::set<std::string>& implemented) {
  std::string target = "vramcast_" + symbol;
  if (implemented.contains(target)) return target;
  if (LibraryOfSymbol(symbol) == "libnvidia-ml") return "vramcast_not_supported";
  return MakesHandle(symbol) ? "vramcast_create" : "";
}

// Version -> symbols, of one library.
using Wanted = std::set<std::pair<std::string, std::string>>;

}  // namespace

bool IsNvidiaLibrary(std::string_view soname) {
  const std::string_view stem = Stem(soname);
  return stem == kDriver || std::any_of(std::begin(kFamilies), std::end(kFamilies),
                                        [stem](const Family& f) { return f.library == stem; });
}

std::string_view LibraryOfSymbol(std::string_view symbol) {
  for (const Family& family : kFamilies) {
    for (const std::string_view prefix : family.prefixes) {
      if (prefix.empty() || !symbol.starts_with(prefix) || symbol.size() == prefix.size()) continue;
      // A capital follows, or nvshmem_, nvshmemx_ and their like.
      if (IsUpper(symbol[prefix.size()]) || prefix == "nvshmem") return family.library;
    }
  }
  if (symbol.size() > 2 && symbol.starts_with("cu") && IsUpper(symbol[2])) return kDriver;
  return {};
}

std::vector<StubLibrary> PlanStubs(std::span<const ElfLibrary> users,
                                   std::span<const std::string> looked_up,
                                   const std::set<std::string>& implemented) {
  std::map<std::string, Wanted> wanted;             // by SONAME
  std::map<std::string_view, std::string> sonames;  // stem -> SONAME
  wanted[std::string(kDriverSoname)];
  wanted[std::string(kManagementSoname)];
  for (const ElfLibrary& user : users) {
    for (const std::string& needed : user.needed) {
      if (IsNvidiaLibrary(needed)) wanted[needed];
    }
    for (const ElfSymbol& symbol : user.undefined) {
      if (IsNvidiaLibrary(symbol.library)) wanted[symbol.library];
    }
  }
  for (const auto& [soname, symbols] : wanted) sonames[Stem(soname)] = soname;
  for (const ElfLibrary& user : users) {
    for (const ElfSymbol& symbol : user.undefined) {
      if (!symbol.version.empty()) {
        if (IsNvidiaLibrary(symbol.library)) {
          wanted[symbol.library].emplace(symbol.name, symbol.version);
        }
        continue;
      }
      const auto soname = sonames.find(LibraryOfSymbol(symbol.name));
      if (soname != sonames.end()) wanted[soname->second].emplace(symbol.name, "");
    }
  }
  for (const std::string& name : looked_up) {
    const bool management = LibraryOfSymbol(name) == "libnvidia-ml";
    wanted[std::string(management ? kManagementSoname : kDriverSoname)].emplace(name, "");
  }
  constexpr std::string_view kOwn = "vramcast_";
  for (const std::string& entry : implemented) {
    if (!entry.starts_with(kOwn)) continue;
    const std::string name = entry.substr(kOwn.size());
    const std::string_view library = LibraryOfSymbol(name);
    // Looked up by name at run time, so that no list of undefined symbols has them.
    if (library == kDriver || library == "libnvidia-ml" || library == "libnvrtc") {
      const auto soname = sonames.find(library);
      if (soname != sonames.end()) wanted[soname->second].emplace(name, "");
    }
  }

  std::vector<StubLibrary> stubs;
  for (const auto& [soname, symbols] : wanted) {
    StubLibrary stub{soname, std::string(kDeviceLibrary), "vramcast_unknown", {}};
    for (const auto& [name, version] : symbols) {
      stub.symbols.push_back({name, version, TargetOf(name, implemented)});
    }
    stubs.push_back(std::move(stub));
  }
  return stubs;
}

std::vector<std::string> DriverNamesIn(std::string_view text) {
  std::set<std::string> names;
  for (size_t at = text.find("cu"); at != std::string_view::npos; at = text.find("cu", at + 1)) {
    if ((at > 0 && IsWord(text[at - 1])) || at + 2 >= text.size() || !IsUpper(text[at + 2])) {
      continue;
    }
    size_t end = at + 2;
    while (end < text.size() && IsWord(text[end])) ++end;
    names.emplace(text.substr(at, end - at));
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> LookedUpIn(std::string_view library) {
  std::set<std::string> names;
  for (size_t begin = 0; begin < library.size();) {
    size_t end = begin;
    while (end < library.size() && IsWord(library[end])) ++end;
    const std::string_view word = library.substr(begin, end - begin);
    const bool whole =
        end < library.size() && library[end] == '\0' && (begin == 0 || library[begin - 1] == '\0');
    const std::string_view family = whole ? LibraryOfSymbol(word) : std::string_view();
    if (family == kDriver || family == "libnvidia-ml") names.emplace(word);
    begin = end + 1;
  }
  return {names.begin(), names.end()};
}

}  // namespace vramcast::dryrun
