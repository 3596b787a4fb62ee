#include "diagnosis/cause.h"

namespace vramcast::diagnosis {
namespace {

struct Words {
  std::string_view name;
  std::string_view title;
};
constexpr std::array<Words, kCauseCount> kWords = {{
    {"capacity", "the job as a whole is too large for this card"},
    {"request_too_large", "one single request is out of proportion"},
    {"other_process", "another process holds the memory that is missing"},
    {"fragmentation", "PyTorch holds enough memory, but in pieces that are too small"},
    {"growth_over_time", "memory grew while the run went on"},
    {"software_cap", "a limit that was set is full, not the card"},
    {"outside_pytorch_pool", "this process holds much memory outside PyTorch's allocator"},
    {"setting_or_driver_fault", "the driver refused although there was room"},
    {"host_memory", "the computer ran out of its own memory, not the GPU"},
    {"not_memory", "memory was not the problem"},
    {"unknown", "the log does not say enough to name the cause"},
}};

}  // namespace

std::string_view CauseName(Cause cause) { return kWords[static_cast<size_t>(cause)].name; }

std::string_view CauseTitle(Cause cause) { return kWords[static_cast<size_t>(cause)].title; }

std::optional<Cause> CauseFromName(std::string_view name) {
  for (size_t i = 0; i < kCauseCount; ++i) {
    if (kWords[i].name == name) {
      return static_cast<Cause>(i);
    }
  }
  return std::nullopt;
}

}  // namespace vramcast::diagnosis
