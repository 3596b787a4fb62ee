// What stands around an anchor or a message, and what it changes: a word of usage is no message,
// and the same message may be about other memory.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crashlog/event.h"

namespace vramcast::crashlog {

// Whether the anchor at `at` can belong to a message: lines that report usage have other words
// before "memory" and "allocate". What cannot be told (a wrapped word, a colour code) passes.
bool WorthReading(std::string_view text, size_t at);

// A line on which a shell says that its child was killed, in no other words.
bool IsBareKilled(const std::string& line);

// A line on which Python says that the computer's memory did not suffice.
bool IsMemoryError(const std::string& line);

// Compact text that has a device-side assertion about an index.
bool IsBadIndex(std::string_view compact);

struct Context {
  std::string_view on_line;  // the lines of the message, whole
  std::string_view before;   // some 1,500 bytes
  std::string_view around;   // those, the message, and as many behind
};

// Corrects wording and framework, and fills in rank and shape, from what stands around the message.
void Reconsider(const Context& context, OomEvent& event);

}  // namespace vramcast::crashlog
