// The settings of PyTorch's CUDA caching allocator: what PYTORCH_CUDA_ALLOC_CONF (or, from 2.9 on,
// PYTORCH_ALLOC_CONF) can say, the rules that depend on the version of PyTorch, and the limit that
// torch.cuda.set_per_process_memory_fraction sets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace vramcast {

struct TorchVersion {
  int major = 2;
  int minor = 9;
  constexpr auto operator<=>(const TorchVersion&) const = default;
};
// "2.8", "2.9.1+cu128", "v1.13.0a0": the first two numbers. Usage error otherwise.
Result<TorchVersion> ParseTorchVersion(std::string_view text);
std::string FormatTorchVersion(TorchVersion version);

// How free blocks of one stream and one size are ordered; the first is handed out.
enum class TieRule : uint8_t {
  kAddress,         // up to 2.11, and 2.13 and later
  kBlockCounter,    // 2.12 (pull request 178362): each Block object has a number
  kSegmentCounter,  // main since May 2026 (pull request 183591): the number is the segment's
};
TieRule TieRuleOf(TorchVersion version);

struct AllocatorSettings {
  TorchVersion torch;
  TieRule tie_rule = TieRule::kAddress;
  bool expandable_segments = false;
  std::optional<Bytes> max_split_size;             // nothing: unlimited
  Bytes max_non_split_rounding = Bytes(20 << 20);  // kLargeBuffer, CUDACachingAllocator.cpp
  Bytes large_segment_size = Bytes(20 << 20);      // kLargeBuffer; an option from 2.11 on
  // Divisions per power of two of sizes from 1 MiB, 2 MiB, …, 32 GiB on; 0 and 1 mean none.
  std::array<uint32_t, 16> roundup_power2_divisions = {};
  std::optional<Bytes> roundup_bypass_threshold;  // larger sizes are not rounded to divisions
  double garbage_collection_threshold = 0;        // 0: none
  std::optional<double> memory_fraction;          // of the device's total
  bool throw_on_cudamalloc_oom = false;           // 2.12 on
  bool cuda_malloc_async = false;                 // another allocator: nothing of the above applies
  std::vector<std::string> without_effect;        // keys that were read but change no placement

  bool operator==(const AllocatorSettings&) const = default;
};

// The defaults of a version.
AllocatorSettings DefaultSettings(TorchVersion torch = {});

// Reads the value of PYTORCH_CUDA_ALLOC_CONF as that version does: "expandable_segments:True,
// max_split_size_mb:128". Unknown keys, values out of range and keys that the version lacks are
// usage errors that say what the version accepts.
Result<AllocatorSettings> ParseAllocConf(std::string_view conf, TorchVersion torch = {});

// The settings as a value of PYTORCH_CUDA_ALLOC_CONF; empty for the defaults.
std::string FormatAllocConf(const AllocatorSettings& settings);

}  // namespace vramcast
