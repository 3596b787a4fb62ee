// From a passage to an event: which message stands there, and what it says.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "crashlog/event.h"
#include "crashlog/passage.h"

namespace vramcast::crashlog {

// One wording. The pattern (RE2) reads compact text; named groups are the event's fields:
// requested, total, free, allocated, allowed, library, cache (sizes), device, pid, rank (numbers),
// dims (a shape). In a pattern ~S stands for a size with its unit, ~G for one whose unit may be a
// bare letter, ~D for digits with separators.
struct Rule {
  Wording wording;
  Framework framework;
  std::string_view pattern;
};

std::span<const Rule> GpuRules();
std::span<const Rule> HostRules();
std::span<const Rule> OtherRules();

struct Message {
  OomEvent event;
  size_t begin = 0;  // in the compact text
  size_t end = 0;
};

// The first message that begins at or after `from`, before `near_end`, and whose head ends at
// `near` or a few words before; nothing if there is none. What follows a message's head is read as
// far as it belongs to it.
std::optional<Message> ReadMessage(const Compact& compact, size_t from, size_t near,
                                   size_t near_end);

}  // namespace vramcast::crashlog
