// Result<T> is what every function returns that can fail: a value or an Error. No exception crosses
// a room, so a failure is always visible in the signature.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace vramcast {

// Why something failed, in the terms of the program's exit codes.
enum class ErrorKind : uint8_t {
  kUsage,       // the caller asked for something that does not exist: exit code 2
  kUnreadable,  // input that cannot be read: exit code 3
  kMachine,     // this machine lacks what is needed: exit code 4
  kInternal,    // a defect of vramcast: exit code 5
};

struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;                  // one sentence without a final full stop
  std::optional<uint64_t> offset = {};  // byte position in the input, where there is one
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

inline tl::unexpected<Error> UsageError(std::string message) {
  return tl::make_unexpected(Error{ErrorKind::kUsage, std::move(message)});
}
inline tl::unexpected<Error> UnreadableError(std::string message,
                                             std::optional<uint64_t> offset = {}) {
  return tl::make_unexpected(Error{ErrorKind::kUnreadable, std::move(message), offset});
}
inline tl::unexpected<Error> MachineError(std::string message) {
  return tl::make_unexpected(Error{ErrorKind::kMachine, std::move(message)});
}

}  // namespace vramcast
