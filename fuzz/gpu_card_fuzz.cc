// A GPU's name is whatever a person types or a log says: any bytes become a card or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpu/card.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)vramcast::gpu::FindCard(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
