// Forecasts of transformers models beside what real PyTorch allocated on a device that counts
// memory: one line a run, then the summary. Data: VRAMCAST_DATA, or ../shared beside the checkout.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "bench/comparison.h"
#include "models/testing/records.h"

namespace {

using namespace vramcast::models;
using vramcast::bench::Training;

// The run as other people's formulas see it.
Training TrainingOf(const ModelRequest& request, int64_t parameters) {
  const ModelConfig& model = request.config;
  const TrainingOptions& options = request.options;
  const auto number = [](int64_t value) { return static_cast<double>(value); };
  Training training;
  training.parameters = number(parameters);
  training.largest_layer = number(model.vocabulary) * number(model.hidden);
  training.layers = number(model.layers);
  training.width = number(model.hidden);
  training.heads = number(model.heads);
  training.hidden = number(model.intermediate) * (model.family == Family::kLlama ? 1.5 : 1);
  training.vocabulary = number(model.vocabulary);
  training.batch = number(options.batch_size);
  training.length =
      number(*std::max_element(options.sequence_lengths.begin(), options.sequence_lengths.end()));
  training.wide_weights = options.precision != Precision::kBf16;
  training.narrow = options.precision != Precision::kFp32;
  training.tied = model.tied;
  training.dropout = model.residual_dropout > 0;
  training.checkpointing = options.checkpointing;
  training.states_a_parameter = options.optimizer == OptimizerKind::kSgd         ? 0
                                : options.optimizer == OptimizerKind::kAdafactor ? 0.1
                                                                                 : 2;
  return training;
}

// The device that recorded these runs hands out addresses downwards, CUDA's upwards. They decide
// between equally good free blocks, so that only in the same order what is left is the forecast's.
class Downwards {
 public:
  void Add(recorded::ModelRecord record) {
    record.device.address_order = vramcast::AddressOrder::kDown;
    const vramcast::Run run = recorded::PlayRecord(record);
    errors_.push_back(std::abs(run.peak.allocated.mib() / record.allocated_mib - 1) * 100);
    reserved_ += std::abs(run.peak.reserved.mib() - record.reserved_mib) < 1 ? 1 : 0;
  }
  std::string Text() {
    std::sort(errors_.begin(), errors_.end());
    const auto near =
        std::count_if(errors_.begin(), errors_.end(), [](double e) { return e < 0.0005; });
    return fmt::format(
        "with addresses in that device's order: {} within 0.0005 %, largest {:.3f} %; "
        "reserved memory equal in {}\n",
        near, errors_.back(), reserved_);
  }

 private:
  std::vector<double> errors_;  // percent
  int reserved_ = 0;
};

}  // namespace

// Given a file, compares compositions with it too.
int main(int argc, char** argv) {
  const std::string path = recorded::IndexPath(VRAMCAST_SOURCE_DIR);
  const std::vector<recorded::ModelRecord> records = recorded::ReadRecords(path);
  if (records.empty()) {
    std::cout << "no transformers runs in " << path << "; set VRAMCAST_DATA\n";
    return 0;
  }
  std::cout << fmt::format("{:24} {:>10} {:>10} {:>8} {:>10} {:>10} {:>8}  {}\n", "run", "true MiB",
                           "forecast", "error", "reserved", "forecast", "error", "interval");
  std::vector<double> errors;
  std::vector<vramcast::bench::Compared> compared;
  Downwards downwards;
  int held = 0, judged = 0;
  for (const recorded::ModelRecord& record : records) {
    const vramcast::Run run = recorded::PlayRecord(record);
    const double error = (run.peak.allocated.mib() / record.allocated_mib - 1) * 100;
    const double reserved = run.peak.reserved.mib();
    std::string interval = "died";
    const auto made = Make(record.request);
    if (made && !run.oom) {
      const bool holds = made->interval.low.mib() <= record.allocated_mib &&
                         record.allocated_mib <= made->interval.high.mib();
      ++judged;
      held += holds ? 1 : 0;
      interval = fmt::format("{:.0f} to {:.0f}{}", made->interval.low.mib(),
                             made->interval.high.mib(), holds ? "" : " (missed)");
    }
    std::cout << fmt::format(
        "{:24} {:>10.2f} {:>10.2f} {:>+7.3f}% {:>10.0f} {:>10.0f} {:>+7.2f}%  {}\n", record.id,
        record.allocated_mib, run.peak.allocated.mib(), error, record.reserved_mib, reserved,
        (reserved / record.reserved_mib - 1) * 100, interval);
    errors.push_back(std::abs(error));
    downwards.Add(record);
    if (!made) continue;
    // Of this run: one that died has another peak than the forecast, which knows no card.
    compared.push_back({record.id, record.allocated_mib, run.peak.allocated.mib(),
                        TrainingOf(record.request, made->parameters),
                        vramcast::bench::CompositionOf(run.composition)});
  }
  std::sort(errors.begin(), errors.end());
  std::cout << fmt::format(
      "{} runs: median error {:.3f} %, largest {:.3f} %; interval holds {} of {}\n", errors.size(),
      errors[errors.size() / 2], errors.back(), held, judged);
  std::cout << downwards.Text();
  vramcast::bench::Compare("emulated, transformers models", compared);
  if (argc > 1) vramcast::bench::CompareComposition(argv[1], compared);
  return 0;
}
