// What a shared object needs and gives: names, symbols and their versions. Read from foreign bytes
// (the user's PyTorch, up to gigabytes mapped into memory), so every access is bounds-checked.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace vramcast::dryrun {

struct ElfSymbol {
  std::string name;
  std::string version;  // "libcudart.so.12"; empty: unversioned
  std::string library;  // of an undefined, versioned symbol: the SONAME that must define it
  auto operator<=>(const ElfSymbol&) const = default;
};

struct ElfLibrary {
  std::string soname;
  std::vector<std::string> needed;
  std::vector<std::string> search_paths;  // DT_RPATH and DT_RUNPATH, split at ':', unexpanded
  std::vector<ElfSymbol> undefined;
  std::vector<ElfSymbol> defined;
};

// ELF64, little endian, with section headers (as linkers leave them). kUnreadable otherwise, with
// the offset of what is wrong.
Result<ElfLibrary> ReadElf(std::span<const uint8_t> bytes);

}  // namespace vramcast::dryrun
