// What nvidia-smi prints is foreign text: any bytes become a machine or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpu/smi_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vramcast::gpu;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto machine = ParseSmiGpus(text)) {
    AddSmiProcesses(text, &*machine);
    AddSmiInstances(text, &*machine);
  }
  (void)InvalidSmiColumn(text);
  (void)ExplainSmi(1, text);
  return 0;
}
