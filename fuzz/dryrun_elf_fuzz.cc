// Any bytes are read as a shared object.
#include <cstdint>
#include <string_view>

#include "dryrun/elf_reader.h"
#include "dryrun/stubs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vramcast::dryrun;
  const auto library = ReadElf({data, size});
  if (library) PlanStubs(std::span(&*library, 1), {}, {});
  LookedUpIn({reinterpret_cast<const char*>(data), size});
  return 0;
}
