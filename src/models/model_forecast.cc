#include "models/model_forecast.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "allocator/play.h"
#include "forecast/outside.h"
#include "forecast/verdict.h"
#include "models/model_uncertainty.h"
#include "models/program.h"
#include "models/validate.h"

namespace vramcast::models {
namespace {

Machine MachineOf(const std::optional<gpu::Card>& card) {
  Machine machine;
  if (!card || !card->capability) return machine;
  machine.capability = card->capability->major * 10 + card->capability->minor;
  machine.multiprocessors = card->multiprocessors.value_or(machine.multiprocessors);
  machine.threads_per_multiprocessor =
      card->threads_per_multiprocessor.value_or(machine.threads_per_multiprocessor);
  return machine;
}

void ReadTerms(const Run& run, const Trace& trace, forecast::Forecast* made) {
  for (size_t i = 0; i < kCategoryCount; ++i) {
    made->composition.push_back({static_cast<Category>(i), run.composition.by_category[i]});
  }
  for (const LabelBytes& part : run.composition.by_label) {
    if (!part.label.valid()) continue;
    const Label& label = trace.labels[part.label.value];
    forecast::Term term{label.category, label.name, {}, part.bytes};
    for (size_t i = 0; i < kRoleCount; ++i) {
      const RoleInfo& info = InfoOf(static_cast<Role>(i));
      if (info.name == label.name) term.formula = info.formula;
    }
    made->terms.push_back(std::move(term));
  }
}

std::string Joined(const std::vector<int64_t>& values) {
  std::string text;
  for (const int64_t value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

void Describe(const ModelRequest& request, const Program& program, forecast::Forecast* made) {
  const ModelConfig& m = request.config;
  const TrainingOptions& o = request.options;
  const auto add = [&](std::string name, std::string value, std::string origin) {
    made->inputs.push_back({std::move(name), std::move(value), std::move(origin)});
  };
  const auto from_config = [&](std::string name, int64_t value) {
    add(std::move(name), std::to_string(value), request.origin);
  };
  add("model", m.name.empty() ? m.type : m.name, request.origin);
  from_config("vocabulary", m.vocabulary);
  from_config("hidden-size", m.hidden);
  from_config("intermediate-size", m.intermediate);
  from_config("layers", m.layers);
  from_config("heads", m.heads);
  from_config("key-value-heads", m.kv_heads);
  from_config("head-size", m.head_size);
  add("tied-embeddings", m.tied ? "yes" : "no", request.origin);
  add("trained-parameters", std::to_string(program.trainable), "derived");
  const auto flag = [&](std::string name, std::string_view value) {
    add(std::move(name), std::string(value), "flag or its default");
  };
  flag("batch-size", std::to_string(o.batch_size));
  flag("seq-len", Joined(o.sequence_lengths));
  flag("dtype", Name(o.precision));
  flag("optimizer", Name(o.optimizer));
  flag("gradient-checkpointing", o.checkpointing ? "yes" : "no");
  flag("grad-accum", std::to_string(o.accumulation));
  flag("lora", std::to_string(o.lora.rank));
  flag("compile", o.compile ? "yes" : "no");
  flag("parallel", Name(o.parallel));
  flag("world-size", std::to_string(o.world_size));
  flag("attention", Name(o.attention));
  flag("mask", Name(o.mask));
  flag("alloc-conf", FormatAllocConf(request.allocator));
  made->parameters = program.parameters;
  made->device_batch_size = o.batch_size;
  made->grad_accum_steps = o.accumulation;
  made->world_size = o.world_size;
  made->total_batch_size =
      o.batch_size * o.accumulation * o.world_size * o.sequence_lengths.front();
  made->revision = "transformers 5";
  made->warnings.insert(made->warnings.end(), m.notes.begin(), m.notes.end());
  if (o.attention == AttentionWay::kSdpa && o.mask == MaskKind::kPadded) {
    made->warnings.push_back(
        "batches were taken as padded or packed, for which transformers makes a mask; without one "
        "(--mask none) less is needed, which the interval's low end covers");
  }
  if (o.optimizer == OptimizerKind::kSgd) {
    made->warnings.push_back("SGD was taken with momentum");
  }
  if (!request.card) {
    made->warnings.push_back("no GPU was named: Hopper was assumed, and nothing is said of fit");
  }
}

// Layers are alike, so that a difference between two ways to run them grows by the same amount with
// each: of two small models it is read off, instead of writing a deep one again.
constexpr int64_t kFewLayers = 2;

Bytes PeakOf(const ModelRequest& request, const TrainingOptions& options, int64_t layers,
             const Machine& machine) {
  ModelConfig config = request.config;
  config.layers = layers;
  return Play(WriteProgram(config, options, machine).trace, request.allocator).peak.allocated;
}

// What the peak would be if transformers made no mask.
Bytes PeakWithoutMask(const ModelRequest& request, Bytes peak, const Machine& machine) {
  TrainingOptions bare = request.options;
  bare.mask = MaskKind::kNone;
  const int64_t layers = request.config.layers;
  if (layers <= 2 * kFewLayers) return PeakOf(request, bare, layers, machine);
  const auto saved = [&](int64_t few) {
    return PeakOf(request, request.options, few, machine) - PeakOf(request, bare, few, machine);
  };
  const Bytes few = saved(kFewLayers), more = saved(2 * kFewLayers);
  return peak - few - (more - few) / kFewLayers * (layers - kFewLayers);
}

}  // namespace

Result<forecast::Forecast> Make(const ModelRequest& request) {
  if (Status status = Validate(request.config, request.options); !status) {
    return tl::make_unexpected(status.error());
  }
  const Machine machine = MachineOf(request.card);
  const Program program = WriteProgram(request.config, request.options, machine);
  const Run run = Play(program.trace, request.allocator);

  forecast::Forecast made;
  made.peak_allocated = run.peak.allocated;
  made.peak_reserved = run.peak.reserved;
  forecast::ReadPhases(run, program.trace, &made);
  ReadTerms(run, program.trace, &made);

  std::optional<Bytes> without_mask;
  if (request.options.attention == AttentionWay::kSdpa &&
      request.options.mask == MaskKind::kPadded) {
    without_mask = PeakWithoutMask(request, run.peak.allocated, machine);
  }
  made.uncertainties = Uncertainties(request, run, without_mask);
  made.interval = {run.peak.allocated, run.peak.allocated};
  for (const forecast::Uncertainty& reason : made.uncertainties) {
    made.interval.low -= reason.low;
    made.interval.high += reason.high;
  }
  made.interval.low = std::max(made.interval.low, Bytes(0));
  const bool distributed = request.options.parallel != Parallel::kNone;
  made.outside =
      forecast::OutsidePytorch(machine.capability, distributed ? request.options.world_size : 0);
  const forecast::Outside outside = forecast::Sum(made.outside);
  made.peak_device = run.peak.reserved + outside.usual;
  if (request.card) made.capacity = request.card->total - request.other_processes;
  Describe(request, program, &made);
  forecast::Judge(program.trace, request.allocator, outside, request.margin, forecast::Detail::kAll,
                  &made);
  return made;
}

Result<forecast::Recording> Record(const ModelRequest& request) {
  if (Status status = Validate(request.config, request.options); !status) {
    return tl::make_unexpected(status.error());
  }
  forecast::Recording recording;
  recording.trace = WriteProgram(request.config, request.options, MachineOf(request.card)).trace;
  recording.settings = request.allocator;
  recording.run = Play(recording.trace, recording.settings);
  return recording;
}

}  // namespace vramcast::models
