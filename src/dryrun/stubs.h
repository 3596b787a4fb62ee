// Which libraries of NVIDIA's a PyTorch wants, and with which symbols: read off the PyTorch itself,
// so that a release that nobody has seen works.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dryrun/elf_reader.h"
#include "dryrun/elf_writer.h"

namespace vramcast::dryrun {

// "libcudart.so.12" is a library that the device stands in for; "libtorch.so" is not.
bool IsNvidiaLibrary(std::string_view soname);

// The library that a symbol without a version belongs to, by the prefixes that NVIDIA's names have:
// "cudaMalloc" -> "libcudart", "cuMemCreate" -> "libcuda"; empty: not NVIDIA's.
std::string_view LibraryOfSymbol(std::string_view symbol);

// One stub for each NVIDIA library that `users` (PyTorch's libraries and extensions) need, with
// every symbol that they leave undefined, and of the driver and NVML `looked_up` besides: names
// that are looked up at run time, or called by what Triton compiles. `implemented` are the symbols
// that the device library defines. Sorted by SONAME.
std::vector<StubLibrary> PlanStubs(std::span<const ElfLibrary> users,
                                   std::span<const std::string> looked_up,
                                   const std::set<std::string>& implemented);

// Names of the driver's functions in the text of a C header or source: "cuMemAlloc_v2".
std::vector<std::string> DriverNamesIn(std::string_view text);

// Names of functions of the driver and of NVML among the C strings of a library: what it looks up.
std::vector<std::string> LookedUpIn(std::string_view library);

}  // namespace vramcast::dryrun
