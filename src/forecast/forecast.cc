#include "forecast/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "allocator/settings.h"
#include "forecast/calibration.h"
#include "forecast/core_batch.h"
#include "forecast/folklore.h"
#include "forecast/inputs.h"
#include "forecast/job.h"
#include "forecast/label.h"
#include "forecast/measure.h"
#include "forecast/outside.h"
#include "forecast/program.h"
#include "forecast/resolve.h"
#include "forecast/uncertainty.h"
#include "forecast/verdict.h"
#include "nanochat/family.h"

namespace vramcast::forecast {
namespace {

std::optional<Bytes> CapacityOf(const Request& request) {
  std::optional<Bytes> total = request.total;
  if (!total && request.card) total = request.card->total;
  if (!total) return {};
  return *total - request.other_processes;
}

void ReadComposition(const Run& run, const Trace& trace, Forecast* forecast) {
  for (size_t i = 0; i < kCategoryCount; ++i) {
    forecast->composition.push_back({static_cast<Category>(i), run.composition.by_category[i]});
  }
  for (const LabelBytes& part : run.composition.by_label) {
    if (!part.label.valid()) continue;
    const Label& label = trace.labels[part.label.value];
    Term term{label.category, label.name, {}, part.bytes};
    for (size_t i = 0; i < kWhatCount; ++i) {
      const LabelInfo& info = InfoOf(static_cast<What>(i));
      if (info.name == label.name) term.formula = info.formula;
    }
    forecast->terms.push_back(std::move(term));
  }
}

// Not said, and before the single optimizer class it decides: under torchrun the distributed
// optimizers run on one GPU too.
bool LauncherIsOpen(const Job& job, const Request& request) {
  return job.world() == 1 && !job.config.distributed() && !request.flags.launcher &&
         !job.family().single_class && job.config.stage != nanochat::Stage::kBaseEval &&
         job.config.stage != nanochat::Stage::kChatEval;
}

// How much more the same run takes if torchrun starts it.
Bytes MoreUnderTorchrun(const Request& request, Bytes peak) {
  Request other = request;
  other.flags.launcher = nanochat::Launcher::kTorchrun;
  const Result<Job> job = ResolveJob(other);
  return job ? RecordJob(*job).run.peak.allocated - peak : Bytes(0);
}

void WarnOfLongRows(const Job& job, Forecast* forecast) {
  const int64_t positions = 10 * job.seq();  // of the rotary embeddings (gpt.py)
  const int64_t row = CoreBatches(job).back().tokens;
  if (row <= positions) return;
  forecast->warnings.push_back(
      fmt::format("the CORE metric has a row of about {} tokens, and a model of max_seq_len {} "
                  "takes {}: nanochat stops there with an assertion; --core-metric-every=-1 "
                  "leaves it out",
                  row, job.seq(), positions));
}

void Describe(const Job& job, const Request& request, Forecast* forecast) {
  const nanochat::RunConfig& config = job.config;
  forecast->parameters = job.shapes.parameter_count();
  forecast->stage = config.stage;
  forecast->device_batch_size = *config.device_batch_size;
  if (*config.total_batch_size > 0) forecast->total_batch_size = *config.total_batch_size;
  forecast->grad_accum_steps = config.grad_accum_steps;
  forecast->world_size = *config.world_size;
  forecast->revision = config.revision.commit;
  forecast->inputs = InputsOf(job, request);
  for (const nanochat::Warning& warning : config.warnings) {
    forecast->warnings.push_back(warning.text);
  }
  if (LauncherIsOpen(job, request)) {
    forecast->warnings.push_back(
        "started by plain python; under torchrun even one GPU keeps the collectives' tensors: "
        "--launcher python or torchrun narrows the interval");
  }
  if (config.alloc_conf_variable == "PYTORCH_ALLOC_CONF" && !request.allocator) {
    forecast->warnings.push_back(
        "the script's PYTORCH_ALLOC_CONF is not read by PyTorch 2.9's CUDA allocator; with "
        "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True before the command less is reserved");
  }
  const auto runs_core = [](const PhasePeak& peak) { return peak.phase == Phase::kCoreMetric; };
  if (std::any_of(forecast->phases.begin(), forecast->phases.end(), runs_core)) {
    WarnOfLongRows(job, forecast);
  }
  if (!config.revision.note.empty()) forecast->warnings.push_back(config.revision.note);
  if (!request.card) {
    forecast->warnings.push_back(
        "no GPU was named: Hopper was assumed, and nothing is said of fit");
  }
}

}  // namespace

Recording RecordJob(const Job& job) {
  Recording recording;
  recording.trace = WriteProgram(job);
  recording.settings = SettingsOf(job);
  recording.run = Play(recording.trace, recording.settings);
  return recording;
}

Forecast Measure(const Job& job, const Request& request, const Recording& recording) {
  const Run& run = recording.run;
  Forecast forecast;
  forecast.peak_allocated = run.peak.allocated;
  forecast.peak_reserved = run.peak.reserved;
  ReadPhases(run, recording.trace, &forecast);
  forecast.uncertainties = Uncertainties(job, request, recording.trace, run);
  if (LauncherIsOpen(job, request)) {
    const Bytes more = MoreUnderTorchrun(request, run.peak.allocated);
    if (more > Bytes(0)) {
      forecast.uncertainties.push_back(
          {"how it is started is not known: under torchrun collectives' tensors stay alive",
           Bytes(0), more});
    }
  }
  forecast.interval = {run.peak.allocated, run.peak.allocated};
  for (const Uncertainty& reason : forecast.uncertainties) {
    forecast.interval.low -= reason.low;
    forecast.interval.high += reason.high;
  }
  forecast.outside = OutsidePytorch(job);
  forecast.peak_device = run.peak.reserved + Sum(forecast.outside).usual;
  forecast.refused = job.config.refused();
  return forecast;
}

void JudgeOnCard(const Job& job, const Request& request, const Recording& recording, Detail detail,
                 Forecast* forecast, Deaths* deaths) {
  forecast->capacity = CapacityOf(request);
  Judge(recording.trace, SettingsOf(job), Sum(forecast->outside), request.margin, detail, forecast,
        deaths);
}

Result<Recording> Record(const Request& request) {
  const Result<Job> job = ResolveJob(request);
  if (!job) return tl::make_unexpected(job.error());
  return RecordJob(*job);
}

Result<Forecast> Make(const Request& request) {
  const Result<Job> job = ResolveJob(request);
  if (!job) return tl::make_unexpected(job.error());
  const Recording recording = RecordJob(*job);
  Forecast forecast = Measure(*job, request, recording);
  ReadComposition(recording.run, recording.trace, &forecast);
  forecast.capacity = CapacityOf(request);
  Describe(*job, request, &forecast);
  Calibrate(*job, request, &forecast);
  forecast.rules_of_thumb = RulesOfThumb(forecast, job->config);
  JudgeOnCard(*job, request, recording, Detail::kAll, &forecast);
  ShiftPeaks(&forecast);
  return forecast;
}

}  // namespace vramcast::forecast
