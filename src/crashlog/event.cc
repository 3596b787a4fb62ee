#include "crashlog/event.h"

#include <array>

namespace vramcast::crashlog {

std::string_view PatternName(Pattern pattern) {
  static constexpr std::array<std::string_view, 5> kNames = {"start", "first_batch", "gradual",
                                                             "evaluation", "unknown"};
  return kNames[static_cast<size_t>(pattern)];
}

}  // namespace vramcast::crashlog
