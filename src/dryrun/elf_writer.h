// Writes a shared object without a compiler or linker: each exported symbol is a few instructions
// that jump to a function of another library. So that any list of names and versions that a PyTorch
// asks for can be had as a library on a machine that has no toolchain.
#pragma once

#include <string>
#include <vector>

namespace vramcast::dryrun {

struct StubSymbol {
  std::string name;
  std::string version;  // empty: unversioned
  // The function of the library behind that it jumps to. Empty: to `fallback`, with the address of
  // its own name (a C string) in register r11, so that the function can tell which one was called.
  std::string target;
};

struct StubLibrary {
  std::string soname;
  std::string needed;    // the library behind, found beside this one (RUNPATH $ORIGIN)
  std::string fallback;  // a function of it
  std::vector<StubSymbol> symbols;
};

// An ELF64 file for x86-64 that dlopen and linkers take. Of several symbols of one name the first
// is the default version. All are functions; the fallback must keep to the calling convention but
// for r11, which the convention leaves free.
std::string WriteStub(const StubLibrary& library);

}  // namespace vramcast::dryrun
