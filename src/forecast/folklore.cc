#include "forecast/folklore.h"

namespace vramcast::forecast {
namespace {

double Of(const Forecast& forecast, Category category) {
  for (const CategoryBytes& part : forecast.composition) {
    if (part.category == category) return static_cast<double>(part.bytes.count());
  }
  return 0;
}

}  // namespace

std::vector<RuleOfThumb> RulesOfThumb(const Forecast& forecast, const nanochat::RunConfig& config) {
  const double d = static_cast<double>(*config.depth);
  const double a = static_cast<double>(*config.aspect_ratio);
  const double parameters = 12 * d * d * a * a;
  const double tokens =
      static_cast<double>(*config.device_batch_size) * static_cast<double>(*config.max_seq_len);
  const double activations = tokens * static_cast<double>(config.model.n_embd) * d * 10;
  const double gigabyte = 1 << 30;
  const double true_overhead =
      static_cast<double>((forecast.peak_device - forecast.peak_allocated).count()) +
      Of(forecast, Category::kWorkspace);

  std::vector<RuleOfThumb> rules = {
      {"number of parameters", "12 d^2 a^2", parameters, static_cast<double>(forecast.parameters),
       false},
      {"parameters", "2 P", 2 * parameters, Of(forecast, Category::kParameters)},
      {"gradients", "2 P", 2 * parameters, Of(forecast, Category::kGradients)},
      {"optimizer", "8 P", 8 * parameters, Of(forecast, Category::kOptimizer)},
      {"activations and logits", "B T C L 10", activations,
       Of(forecast, Category::kActivations) + Of(forecast, Category::kLogits)},
      {"overhead", "1 GB", gigabyte, true_overhead},
  };
  double sum = 0;
  for (size_t i = 1; i < rules.size(); ++i) sum += rules[i].by_rule;
  rules.push_back(
      {"whole device", "sum of the above", sum, static_cast<double>(forecast.peak_device.count())});
  return rules;
}

}  // namespace vramcast::forecast
