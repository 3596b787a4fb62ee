// The parser of PYTORCH_CUDA_ALLOC_CONF (CUDAAllocatorConfig.cpp; AllocatorConfig.cpp from 2.9 on).
#include <fmt/format.h>

#include <bit>
#include <span>

#include "allocator/settings.h"
#include "base/text.h"

namespace vramcast {
namespace {

struct Key {
  std::string_view name;
  TorchVersion since;
};

constexpr Key kKeys[] = {
    {"backend", {2, 0}},
    {"max_split_size_mb", {1, 10}},
    {"max_non_split_rounding_mb", {2, 5}},
    {"garbage_collection_threshold", {1, 12}},
    {"roundup_power2_divisions", {1, 13}},
    {"roundup_bypass_threshold_mb", {1, 13}},
    {"expandable_segments", {2, 1}},
    {"large_segment_size_mb", {2, 11}},
    {"release_lock_on_cudamalloc", {2, 2}},
    {"per_process_memory_fraction", {2, 12}},
    {"throw_on_cudamalloc_oom", {2, 12}},
    {"graph_capture_record_stream_reuse", {2, 9}},
    {"pinned_use_cuda_host_register", {2, 1}},
    {"pinned_num_register_threads", {2, 1}},
    {"pinned_use_background_threads", {2, 6}},
    {"pinned_reserve_segment_size_mb", {2, 9}},
    {"pinned_max_round_size_mb", {2, 11}},
    {"pinned_max_cached_size_mb", {2, 11}},
};

// Splits as lexArgs does: the separators are tokens, blanks vanish.
std::vector<std::string> Tokens(std::string_view conf) {
  std::vector<std::string> tokens;
  std::string word;
  const auto flush = [&] {
    if (!word.empty()) tokens.push_back(std::move(word));
    word.clear();
  };
  for (const char c : conf) {
    if (c == ',' || c == ':' || c == '[' || c == ']') {
      flush();
      tokens.emplace_back(1, c);
    } else if (c != ' ') {
      word += c;
    }
  }
  flush();
  return tokens;
}

class Parser {
 public:
  Parser(std::string_view conf, TorchVersion torch)
      : tokens_(Tokens(conf)), settings_(DefaultSettings(torch)) {}

  Result<AllocatorSettings> Parse() {
    while (at_ < tokens_.size()) {
      if (at_ > 0) {
        if (auto status = Expect(","); !status) return tl::make_unexpected(status.error());
        if (at_ == tokens_.size()) break;
      }
      const std::string key = tokens_[at_++];
      if (auto status = ParseKey(key); !status) return tl::make_unexpected(status.error());
    }
    return settings_;
  }

 private:
  Status ParseKey(const std::string& key) {
    if (auto status = CheckKey(key); !status) return status;
    if (auto status = Expect(":"); !status) return status;
    if (key == "roundup_power2_divisions") return ParseDivisions();
    if (at_ == tokens_.size()) return UsageError(key + " lacks a value");
    const std::string value = tokens_[at_++];

    if (key == "backend") {
      if (value != "native" && value != "cudaMallocAsync") {
        return UsageError("backend must be native or cudaMallocAsync, not " + value);
      }
      settings_.cuda_malloc_async = value == "cudaMallocAsync";
      return {};
    }
    if (key == "garbage_collection_threshold" || key == "per_process_memory_fraction") {
      const auto number = ParseDouble(value);
      const bool is_fraction = key == "per_process_memory_fraction";
      if (!number || !(*number > 0) || *number > 1 || (*number == 1 && !is_fraction)) {
        return UsageError(fmt::format("{} must be above 0 and {} 1, not {}", key,
                                      is_fraction ? "at most" : "below", value));
      }
      if (is_fraction) {
        settings_.memory_fraction = *number;
      } else {
        settings_.garbage_collection_threshold = *number;
      }
      return {};
    }
    if (key.ends_with("_mb")) return ParseSize(key, value);
    if (key == "pinned_num_register_threads") {
      const auto number = ParseInt(value);
      if (!number || *number < 1 || !std::has_single_bit(static_cast<uint64_t>(*number))) {
        return UsageError("pinned_num_register_threads must be a power of two");
      }
      settings_.without_effect.push_back(key);
      return {};
    }
    return ParseBool(key, value);
  }

  Status CheckKey(const std::string& key) {
    std::vector<std::string> accepted;
    for (const Key& known : kKeys) {
      if (settings_.torch < known.since) {
        if (known.name == key) {
          return UsageError(fmt::format("PyTorch {} does not know {}; it came with {}",
                                        FormatTorchVersion(settings_.torch), key,
                                        FormatTorchVersion(known.since)));
        }
        continue;
      }
      if (known.name == key) return {};
      accepted.emplace_back(known.name);
    }
    const auto nearest = Nearest(key, accepted);
    return UsageError(fmt::format("allocator setting \"{}\" does not exist{}", key,
                                  nearest ? "; did you mean " + *nearest + "?" : ""));
  }

  Status ParseSize(const std::string& key, const std::string& value) {
    const auto mib = ParseInt(value);
    // 20 is kLargeBuffer in MiB; large_segment_size must be above kMinLargeAlloc.
    const int64_t least = key == "max_split_size_mb" || key == "max_non_split_rounding_mb" ? 20
                          : key == "large_segment_size_mb"                                 ? 11
                          : key.starts_with("pinned_")                                     ? 0
                                                                                           : 1;
    if (!mib || *mib < least || *mib > (int64_t{1} << 40)) {
      return UsageError(
          fmt::format("{} must be a number of MiB of at least {}, not {}", key, least, value));
    }
    const Bytes size = *mib * Bytes(1 << 20);
    if (key == "max_split_size_mb") {
      settings_.max_split_size = size;
    } else if (key == "max_non_split_rounding_mb") {
      settings_.max_non_split_rounding = size;
    } else if (key == "large_segment_size_mb") {
      settings_.large_segment_size = size;
    } else if (key == "roundup_bypass_threshold_mb") {
      settings_.roundup_bypass_threshold = size;
    } else {
      settings_.without_effect.push_back(key);
    }
    return {};
  }

  Status ParseBool(const std::string& key, const std::string& value) {
    if (value != "True" && value != "False") {
      return UsageError(fmt::format("{} must be True or False, not {}", key, value));
    }
    const bool on = value == "True";
    if (key == "expandable_segments") {
      settings_.expandable_segments = on;
    } else if (key == "throw_on_cudamalloc_oom") {
      settings_.throw_on_cudamalloc_oom = on;
    } else {
      settings_.without_effect.push_back(key);
    }
    return {};
  }

  Result<uint32_t> Division(const std::string& value) const {
    const auto number = ParseInt(value);
    const bool zero_allowed = settings_.torch >= TorchVersion{2, 8};
    if (!number || *number < (zero_allowed ? 0 : 1) || *number > UINT32_MAX ||
        (*number > 0 && !std::has_single_bit(static_cast<uint64_t>(*number)))) {
      return UsageError("roundup_power2_divisions must be powers of two, not " + value);
    }
    return static_cast<uint32_t>(*number);
  }

  Status ParseDivisions() {
    auto& divisions = settings_.roundup_power2_divisions;
    if (at_ == tokens_.size()) return UsageError("roundup_power2_divisions lacks a value");
    if (tokens_[at_] != "[") {
      const auto value = Division(tokens_[at_++]);
      if (!value) return tl::make_unexpected(value.error());
      divisions.fill(*value);
      return {};
    }
    if (settings_.torch < TorchVersion{2, 0}) {
      return UsageError("PyTorch 1.13 takes one number for roundup_power2_divisions, not a list");
    }
    ++at_;
    bool first = true;
    size_t last = 0;
    while (at_ < tokens_.size() && tokens_[at_] != "]") {
      const std::string key = tokens_[at_++];
      if (auto status = Expect(":"); !status) return status;
      if (at_ == tokens_.size()) break;
      const auto value = Division(tokens_[at_++]);
      if (!value) return tl::make_unexpected(value.error());
      if (key == ">") {
        // Up to about 2.7 the fill began at the last key itself and overwrote its value.
        const size_t from = settings_.torch < TorchVersion{2, 8} ? last : last + 1;
        for (size_t i = from; i < divisions.size(); ++i) divisions[i] = *value;
      } else {
        const auto mib = ParseInt(key);
        if (!mib || *mib < 1 || !std::has_single_bit(static_cast<uint64_t>(*mib))) {
          return UsageError("keys of roundup_power2_divisions must be powers of two, not " + key);
        }
        last = std::min<size_t>(static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(*mib))),
                                divisions.size() - 1);
        // The first key's value also holds for everything below it.
        for (size_t i = first ? 0 : last; i <= last; ++i) divisions[i] = *value;
        first = false;
      }
      if (at_ < tokens_.size() && tokens_[at_] != "]") {
        if (auto status = Expect(","); !status) return status;
      }
    }
    return Expect("]");
  }

  Status Expect(std::string_view token) {
    if (at_ < tokens_.size() && tokens_[at_] == token) {
      ++at_;
      return {};
    }
    const std::string found = at_ < tokens_.size() ? "\"" + tokens_[at_] + "\"" : "the end";
    return UsageError(
        fmt::format("allocator settings: \"{}\" expected, but {} found", token, found));
  }

  std::vector<std::string> tokens_;
  size_t at_ = 0;
  AllocatorSettings settings_;
};

}  // namespace

Result<AllocatorSettings> ParseAllocConf(std::string_view conf, TorchVersion torch) {
  return Parser(conf, torch).Parse();
}

}  // namespace vramcast
