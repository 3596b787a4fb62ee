// Why a run died, in the classes that decide what to do about it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vramcast::diagnosis {

enum class Cause : uint8_t {
  kCapacity,              // the job as a whole is too large for the card
  kRequestTooLarge,       // one request is out of proportion
  kOtherProcess,          // someone else holds the memory that is missing
  kFragmentation,         // PyTorch holds enough, in pieces that are too small
  kGrowthOverTime,        // it fitted, and something grew
  kSoftwareCap,           // a limit that was set, not the card
  kOutsidePytorchPool,    // this process holds it, but not PyTorch's allocator (NCCL, libraries)
  kSettingOrDriverFault,  // the driver refuses although there is room
  kHostMemory,            // the computer's memory, not the GPU's
  kNotMemory,             // reads like want of memory and is not
  kUnknown,
};
inline constexpr size_t kCauseCount = static_cast<size_t>(Cause::kUnknown) + 1;

std::string_view CauseName(Cause cause);   // "request_too_large": JSON
std::string_view CauseTitle(Cause cause);  // a clause: "the job is too large for this card"
std::optional<Cause> CauseFromName(std::string_view name);

}  // namespace vramcast::diagnosis
