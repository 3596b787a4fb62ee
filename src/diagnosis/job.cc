#include "diagnosis/job.h"

#include <fmt/format.h>

#include <utility>

namespace vramcast::diagnosis {
namespace {

template <typename T>
void FillIn(std::optional<T>& flag, const std::optional<T>& logged) {
  if (!flag) {
    flag = logged;
  }
}

size_t BestLaunch(const std::vector<command::Launch>& launches) {
  const command::Launch* nanochat = command::FirstOfNanochat(launches);
  return nanochat == nullptr ? 0 : static_cast<size_t>(nanochat - launches.data());
}

std::string PhaseOf(Phase phase) { return std::string(PhaseTitle(phase)); }

void Compare(Job& job, const Surroundings& around) {
  const forecast::Forecast& f = *job.forecast;
  if (!f.capacity || !f.fits) {
    job.verdict = fmt::format("the forecast for this command is {} of GPU memory at its peak ({})",
                              FormatBytes(f.peak_device), PhaseOf(f.peak_phase));
    return;
  }
  if (!*f.fits) {
    const bool surely = f.device_interval.low > *f.capacity;
    job.explains = surely || f.peak_device > *f.capacity ? Explains::kYes : Explains::kNearly;
    job.verdict = fmt::format(
        "{} the crash: this command needs {} ({} to {}) and may take {}{}",
        job.explains == Explains::kYes ? "the forecast explains" : "the forecast nearly explains",
        FormatBytes(f.peak_device), FormatBytes(f.device_interval.low),
        FormatBytes(f.device_interval.high), FormatBytes(*f.capacity),
        f.dies_in ? fmt::format("; it dies in the {}", PhaseOf(*f.dies_in)) : "");
    return;
  }
  job.explains = Explains::kNo;
  job.verdict = fmt::format(
      "the forecast does not explain the crash: this command needs {} (at most {}) and may take {}",
      FormatBytes(f.peak_device), FormatBytes(f.device_interval.high), FormatBytes(*f.capacity));
  if (around.wanted && *around.wanted > f.interval.high) {
    job.verdict += fmt::format("; the run wanted {}, more than this command can need",
                               FormatBytes(*around.wanted));
  }
}

}  // namespace

nanochat::Flags FlagsOf(const crashlog::NanochatFacts& facts) {
  nanochat::Flags flags;
  flags.depth = facts.depth;
  flags.max_seq_len = facts.max_seq_len;
  flags.device_batch_size = facts.device_batch_size;
  flags.total_batch_size = facts.total_batch_size;
  flags.vocab_size = facts.vocab_size;
  flags.world_size = facts.world_size;
  flags.window_pattern = facts.window_pattern;
  if (facts.depth && *facts.depth > 0 && facts.model_dim && *facts.model_dim % *facts.depth == 0) {
    flags.aspect_ratio = *facts.model_dim / *facts.depth;
  }
  return flags;
}

void Complete(nanochat::Flags& flags, const nanochat::Flags& logged) {
  FillIn(flags.depth, logged.depth);
  FillIn(flags.aspect_ratio, logged.aspect_ratio);
  FillIn(flags.max_seq_len, logged.max_seq_len);
  FillIn(flags.device_batch_size, logged.device_batch_size);
  FillIn(flags.total_batch_size, logged.total_batch_size);
  FillIn(flags.vocab_size, logged.vocab_size);
  FillIn(flags.world_size, logged.world_size);
  FillIn(flags.window_pattern, logged.window_pattern);
}

std::optional<Job> MakeJob(command::LaunchScript script, const Surroundings& around) {
  if (script.launches.empty()) {
    return std::nullopt;
  }
  Job job;
  job.script = std::move(script);
  job.launch_index = BestLaunch(job.script.launches);
  const command::Launch& launch = job.launch();
  job.notes = launch.notes;
  if (!launch.is_nanochat()) {
    return job;
  }

  forecast::Request request;
  request.flags = launch.flags;
  request.flags.stage = launch.stage;
  request.flags_origin = "launch command";
  Complete(request.flags, around.logged);
  if (around.revision) {
    request.flags.revision = around.revision;
  }
  request.card = around.card;
  request.total = around.total;
  request.other_processes = around.other_processes;
  if (request.flags.revision) {
    auto revision = nanochat::FindRevision(*request.flags.revision);
    if (revision) {
      job.revision = std::move(*revision);
    }
  } else {
    job.revision = nanochat::HeadRevision();
  }

  auto made = forecast::Make(request);
  if (!made) {
    job.notes.push_back("no forecast for this command: " + made.error().message);
    return job;
  }
  job.forecast = std::move(*made);
  Compare(job, around);
  if (request.card || request.total) {
    auto fit = forecast::FindBatch(request);
    if (fit) {
      job.fit = std::move(*fit);
    } else {
      job.notes.push_back("no batch size could be searched for: " + fit.error().message);
    }
  }
  job.request = std::move(request);
  return job;
}

void Judge(const Job& job, Ballot& ballot) {
  switch (job.explains) {
    case Explains::kYes:
      ballot.Add(Cause::kCapacity, kClear, {{job.verdict, "forecast"}});
      break;
    case Explains::kNearly:
      ballot.Add(Cause::kCapacity, kHint, {{job.verdict, "forecast"}});
      break;
    case Explains::kNo:
      ballot.Add(Cause::kCapacity, -kClear, {{job.verdict, "forecast"}});
      break;
    case Explains::kUnknown:
      break;
  }
}

}  // namespace vramcast::diagnosis
