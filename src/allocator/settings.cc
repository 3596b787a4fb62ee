#include "allocator/settings.h"

#include <fmt/format.h>

#include "base/text.h"

namespace vramcast {

Result<TorchVersion> ParseTorchVersion(std::string_view text) {
  std::string_view rest = Trim(text);
  if (rest.starts_with("torch==")) rest.remove_prefix(7);
  if (rest.starts_with('v')) rest.remove_prefix(1);
  const size_t dot = rest.find('.');
  if (dot != std::string_view::npos) {
    const std::string_view tail = rest.substr(dot + 1);
    const size_t end = tail.find_first_not_of("0123456789");
    const auto major = ParseInt(rest.substr(0, dot));
    const auto minor = ParseInt(tail.substr(0, end));
    if (major && minor && *major >= 1 && *major < 100 && *minor >= 0 && *minor < 1000) {
      return TorchVersion{static_cast<int>(*major), static_cast<int>(*minor)};
    }
  }
  return UsageError(fmt::format("\"{}\" is not a version of PyTorch such as 2.9", text));
}

std::string FormatTorchVersion(TorchVersion version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

TieRule TieRuleOf(TorchVersion version) {
  // 2.13 went back to addresses in ordinary pools (pull request 183489).
  return version == TorchVersion{2, 12} ? TieRule::kBlockCounter : TieRule::kAddress;
}

AllocatorSettings DefaultSettings(TorchVersion torch) {
  AllocatorSettings settings;
  settings.torch = torch;
  settings.tie_rule = TieRuleOf(torch);
  return settings;
}

std::string FormatAllocConf(const AllocatorSettings& settings) {
  std::vector<std::string> parts;
  const AllocatorSettings defaults;
  if (settings.cuda_malloc_async) parts.push_back("backend:cudaMallocAsync");
  if (settings.expandable_segments) parts.push_back("expandable_segments:True");
  if (settings.max_split_size) {
    parts.push_back(fmt::format("max_split_size_mb:{}", settings.max_split_size->count() >> 20));
  }
  if (settings.max_non_split_rounding != defaults.max_non_split_rounding) {
    parts.push_back(
        fmt::format("max_non_split_rounding_mb:{}", settings.max_non_split_rounding.count() >> 20));
  }
  if (settings.large_segment_size != defaults.large_segment_size) {
    parts.push_back(
        fmt::format("large_segment_size_mb:{}", settings.large_segment_size.count() >> 20));
  }
  const auto& divisions = settings.roundup_power2_divisions;
  if (divisions != defaults.roundup_power2_divisions) {
    bool uniform = true;
    for (const uint32_t d : divisions) uniform = uniform && d == divisions[0];
    if (uniform) {
      parts.push_back(fmt::format("roundup_power2_divisions:{}", divisions[0]));
    } else {
      std::vector<std::string> pairs;
      for (size_t i = 0; i < divisions.size(); ++i) {
        pairs.push_back(fmt::format("{}:{}", 1u << i, divisions[i]));
      }
      parts.push_back(fmt::format("roundup_power2_divisions:[{}]", Join(pairs, ",")));
    }
  }
  if (settings.roundup_bypass_threshold) {
    parts.push_back(fmt::format("roundup_bypass_threshold_mb:{}",
                                settings.roundup_bypass_threshold->count() >> 20));
  }
  if (settings.garbage_collection_threshold > 0) {
    parts.push_back(
        fmt::format("garbage_collection_threshold:{}", settings.garbage_collection_threshold));
  }
  if (settings.memory_fraction) {
    parts.push_back(fmt::format("per_process_memory_fraction:{}", *settings.memory_fraction));
  }
  if (settings.throw_on_cudamalloc_oom) parts.push_back("throw_on_cudamalloc_oom:True");
  return Join(parts, ",");
}

}  // namespace vramcast
