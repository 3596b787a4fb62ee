#include "forecast/core_batch.h"

#include <array>
#include <cmath>

namespace vramcast::forecast {
namespace {

// With a tokenizer of 32,768 trained on ClimbMix, 500 examples of each task.
struct Longer {
  int64_t rows, tokens;
  bool many_languages;
};
constexpr int64_t kUsual = 500;
constexpr double kVocabulary = 32768;
constexpr std::array<Longer, 28> kRecords = {
    {{4, 367, false},  {4, 396, false},  {4, 405, false},  {4, 435, false},  {4, 448, false},
     {4, 453, false},  {4, 459, false},  {4, 513, false},  {4, 586, false},  {4, 614, false},
     {4, 730, false},  {4, 886, false},  {4, 980, false},  {4, 1003, false}, {4, 1059, false},
     {4, 1075, false}, {4, 1127, false}, {2, 2550, false}, {2, 2607, false}, {2, 2856, false},
     {2, 2954, false}, {2, 3192, false}, {4, 2029, true},  {4, 2182, true},  {4, 2317, true},
     {4, 2616, true},  {4, 3092, true},  {4, 3152, true}}};
// How lengths follow the vocabulary: powers through 8,192 to 65,536.
constexpr double kEnglish = -0.12, kManyLanguages = -0.062, kAllExamples = -0.094;
constexpr double kFineWeb = 3075.0 / 3152;  // beside ClimbMix
constexpr double kAll = 5832.0 / 3152;      // all examples beside 500

// Fewer examples drawn, or more: the longest batch beside that of 500, between tokenizers.
struct Drawn {
  double examples, share;
};
constexpr std::array<Drawn, 8> kDrawn = {{{16, 0.86},
                                          {100, 0.80},
                                          {250, 0.77},
                                          {300, 0.94},
                                          {500, 1},
                                          {1000, 1.28},
                                          {2000, 1.35},
                                          {5000, 1.96}}};

double ShareOf(double examples) {
  if (examples <= kDrawn.front().examples) return kDrawn.front().share;
  for (size_t i = 1; i < kDrawn.size(); ++i) {
    const Drawn& low = kDrawn[i - 1];
    const Drawn& high = kDrawn[i];
    if (examples > high.examples) continue;
    const double way = std::log(examples / low.examples) / std::log(high.examples / low.examples);
    return low.share + way * (high.share - low.share);
  }
  return kDrawn.back().share;
}

}  // namespace

std::vector<CoreBatch> CoreBatches(int64_t vocabulary, int64_t most_examples,
                                   nanochat::TokenizerText text) {
  const double ratio = static_cast<double>(vocabulary) / kVocabulary;
  const bool all = most_examples < 0;
  const double english = std::pow(ratio, kEnglish);
  const double longest = all ? kAll * std::pow(ratio, kAllExamples)
                             : ShareOf(static_cast<double>(most_examples)) *
                                   std::pow(ratio, kManyLanguages) *
                                   (text == nanochat::TokenizerText::kFineWeb ? kFineWeb : 1);
  std::vector<CoreBatch> batches;
  for (const Longer& record : kRecords) {
    const double scale = record.many_languages ? longest : english;
    const auto tokens = std::lround(static_cast<double>(record.tokens) * scale);
    batches.push_back({record.rows, tokens});
  }
  return batches;
}

std::vector<CoreBatch> CoreBatches(const Job& job) {
  return CoreBatches(job.config.model.vocab_size, *job.config.core_metric_max_per_task,
                     job.family().speedrun_text);
}

double CoreBatchSpread(int64_t most_examples) {
  if (most_examples < 0) return 0.12;
  return most_examples == kUsual ? 0.06 : 0.15;
}

}  // namespace vramcast::forecast
