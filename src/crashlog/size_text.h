// Reads the sizes that messages print, exactly: "79.11 GiB" is the whole number of bytes nearest to
// it, and a number that was cut is nothing at all.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace vramcast::crashlog {

// `number`: digits, thousands separators, one decimal point, a minus sign. `unit`: empty or "bytes"
// for bytes; k, m, g, t with or without "b", "ib" for powers of 1024, any case. GPU software
// divides by 1024 also where it prints "GB" (PyTorch MPS before 2.8, Paddle, XLA). Nothing if it is
// not a number, or 2^63 bytes and more (drivers answer 2^64 where they do not know).
std::optional<Bytes> ReadSize(std::string_view number, std::string_view unit);

}  // namespace vramcast::crashlog
