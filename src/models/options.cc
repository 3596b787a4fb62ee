#include "models/options.h"

#include <array>
#include <utility>

namespace vramcast::models {
namespace {

template <typename T, size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;

constexpr Names<Precision, 3> kPrecisions = {
    {{"bf16", Precision::kBf16}, {"amp", Precision::kAmp}, {"fp32", Precision::kFp32}}};
constexpr Names<OptimizerKind, 6> kOptimizers = {{{"adamw", OptimizerKind::kAdamW},
                                                  {"adamw-fused", OptimizerKind::kAdamWFused},
                                                  {"adamw-8bit", OptimizerKind::kAdamW8bit},
                                                  {"sgd", OptimizerKind::kSgd},
                                                  {"adafactor", OptimizerKind::kAdafactor},
                                                  {"muon", OptimizerKind::kMuon}}};
constexpr Names<Parallel, 7> kParallels = {{{"none", Parallel::kNone},
                                            {"ddp", Parallel::kDdp},
                                            {"fsdp1", Parallel::kFsdp1},
                                            {"fsdp2", Parallel::kFsdp2},
                                            {"zero1", Parallel::kZero1},
                                            {"zero2", Parallel::kZero2},
                                            {"zero3", Parallel::kZero3}}};
constexpr Names<AttentionWay, 3> kWays = {{{"sdpa", AttentionWay::kSdpa},
                                           {"flash", AttentionWay::kFlash},
                                           {"eager", AttentionWay::kEager}}};
constexpr Names<MaskKind, 2> kMasks = {{{"padded", MaskKind::kPadded}, {"none", MaskKind::kNone}}};

template <typename T, size_t N>
Result<T> Parse(const Names<T, N>& names, std::string_view what, std::string_view text) {
  std::string all;
  for (const auto& [name, value] : names) {
    if (name == text) return value;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  return UsageError(std::string(what) + " is one of " + all + ", not \"" + std::string(text) +
                    "\"");
}

template <typename T, size_t N>
std::string_view NameIn(const Names<T, N>& names, T value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return "?";
}

}  // namespace

Result<Precision> ParsePrecision(std::string_view text) {
  return Parse(kPrecisions, "the precision of a model's training", text);
}
Result<OptimizerKind> ParseOptimizer(std::string_view text) {
  return Parse(kOptimizers, "the optimizer", text);
}
Result<Parallel> ParseParallel(std::string_view text) {
  return Parse(kParallels, "the parallel way", text);
}
Result<AttentionWay> ParseAttention(std::string_view text) {
  return Parse(kWays, "attention of a model", text);
}
Result<MaskKind> ParseMask(std::string_view text) { return Parse(kMasks, "the mask", text); }
std::string_view Name(Precision precision) { return NameIn(kPrecisions, precision); }
std::string_view Name(OptimizerKind optimizer) { return NameIn(kOptimizers, optimizer); }
std::string_view Name(Parallel parallel) { return NameIn(kParallels, parallel); }
std::string_view Name(AttentionWay way) { return NameIn(kWays, way); }
std::string_view Name(MaskKind mask) { return NameIn(kMasks, mask); }

}  // namespace vramcast::models
