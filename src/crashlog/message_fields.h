// The fields of a message that lists them one after the other: PyTorch's allocators in all their
// releases, as printed and as people retype them.
#pragma once

#include <cstddef>
#include <string_view>

#include "crashlog/event.h"

namespace vramcast::crashlog {

// Reads `text` (compact, beginning with the message's head of `head` bytes) into `event` by its
// wording, and returns where the last thing that was understood ends.
size_t ReadFields(std::string_view text, size_t head, OomEvent& event);

// A size as a rule or a field catches it: "79.11gib", "1,234bytes", "12". Without unit: bytes.
std::optional<Bytes> CaughtSize(std::string_view caught);

}  // namespace vramcast::crashlog
