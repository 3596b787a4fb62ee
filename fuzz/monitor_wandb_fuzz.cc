// A W&B file may come from anywhere: any bytes become rows and a configuration, in any pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "monitor/wandb_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  // The first byte says how the rest is cut, and whether pieces are missing.
  const size_t piece = 1 + data[0] % 64 * 512;
  const bool gaps = data[0] >= 192;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  vramcast::monitor::WandbFile file;
  for (size_t at = 0; at < bytes.size(); at += gaps ? 2 * piece : piece) {
    file.Feed(bytes.substr(at, piece), at, [](const vramcast::monitor::WandbRow&) {});
  }
  return 0;
}
