#include "crashlog/report.h"

#include <algorithm>

namespace vramcast::crashlog {

const OomEvent* LogReport::oom() const {
  const auto first = [this](auto want) {
    const auto found = std::find_if(events.begin(), events.end(), want);
    return found == events.end() ? nullptr : &*found;
  };
  if (const OomEvent* vram = first([](const OomEvent& e) { return e.is_vram_oom; })) {
    return vram;
  }
  if (const OomEvent* host =
          first([](const OomEvent& e) { return MemoryOf(e.wording) == Memory::kHost; })) {
    return host;
  }
  return first([](const OomEvent&) { return true; });
}

}  // namespace vramcast::crashlog
