// Any bytes are a log. The first byte says how they arrive: in chunks of that many bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "crashlog/scan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const size_t chunk = static_cast<size_t>(data[0]) * 16 + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  vramcast::crashlog::Scanner scanner;
  for (size_t i = 0; i < text.size(); i += chunk) {
    scanner.Feed(text.substr(i, chunk));
  }
  const auto report = scanner.Finish();
  if (report.bytes != text.size() || (report.oom() == nullptr) != report.events.empty()) {
    __builtin_trap();
  }
  for (const auto& event : report.events) {
    if (event.place.offset >= text.size() || event.place.line == 0 ||
        event.place.line > report.lines) {
      __builtin_trap();
    }
  }
  return 0;
}
