#include "diagnosis/advice.h"

#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/suspects.h"
#include "nanochat/flags.h"

namespace vramcast::diagnosis {
namespace {

using crashlog::Memory;
using crashlog::Pattern;

// Frames of the library say how, frames of the program say where.
bool IsLibrary(const crashlog::Frame& frame) {
  return frame.file.find("site-packages") != std::string::npos ||
         frame.file.find("dist-packages") != std::string::npos ||
         frame.file.find("/torch/") != std::string::npos || frame.file.starts_with("<");
}

const crashlog::Frame* InnermostOwn(const crashlog::OomEvent& event) {
  for (auto it = event.frames.rbegin(); it != event.frames.rend(); ++it) {
    if (!IsLibrary(*it)) {
      return &*it;
    }
  }
  return nullptr;
}

std::string Moment(const crashlog::OomEvent& event) {
  std::string text;
  if (event.phase != Phase::kUnknown) {
    text = fmt::format(" in the {}", PhaseTitle(event.phase));
  }
  if (event.step && *event.step > 0) {
    text += fmt::format(", step {}", WithThousands(*event.step));
  }
  return text;
}

// What will happen, where nothing has happened yet.
std::string Outlook(const forecast::Forecast& f) {
  if (!f.fits || !f.capacity) {
    return fmt::format("No log was given. This command needs {} of GPU memory ({}).",
                       FormatBytes(f.peak_device), PhaseTitle(f.peak_phase));
  }
  return fmt::format(
      "No log was given. By the forecast this command {}: it needs {} ({} to {}) "
      "and may take {}{}.",
      *f.fits ? "fits" : "does not fit", FormatBytes(f.peak_device),
      FormatBytes(f.device_interval.low), FormatBytes(f.device_interval.high),
      FormatBytes(*f.capacity),
      f.dies_in ? fmt::format("; it will die in the {}", PhaseTitle(*f.dies_in)) : "");
}

void Gradual(const Case& c, std::vector<std::string>& next) {
  next.push_back(
      "It fitted many times before, so something grew or one batch was larger than all before: "
      "record the allocations and let vramcast name the line.");
  for (const Suspect& suspect : FindSuspects(c)) {
    next.push_back(fmt::format("Suspect {} ({}): it {}.", suspect.line.text, suspect.line.source,
                               suspect.why));
  }
}

void Evaluation(const Case& c, const Job* job, std::vector<std::string>& next) {
  const bool nanochat = job != nullptr && job->launch().is_nanochat();
  if (!nanochat) {
    if (!c.no_grad) {
      next.push_back(
          "No frame shows torch.no_grad() or inference_mode(): without it evaluation keeps every "
          "activation for a backward pass that never comes.");
    }
    return;
  }
  std::vector<std::string> flags;
  const std::string_view script = nanochat::ScriptOf(*job->launch().stage);
  for (const std::string_view name :
       {"device_batch_size", "max_seq_len", "eval_every", "eval_tokens", "core_metric_every",
        "core_metric_max_per_task", "sample_every"}) {
    if (job->revision && nanochat::FindFlag(*job->revision, script, name)) {
      flags.push_back(nanochat::Spell(*job->revision, script, name));
    }
  }
  if (!flags.empty()) {
    next.push_back(
        "nanochat has no flag for the batch of its evaluation; what this revision "
        "offers instead: " +
        Join(flags, ", ") + ". Its evaluation already runs without gradients.");
  }
}

}  // namespace

std::string Summary(const Case& c) {
  const crashlog::OomEvent& event = *c.event;
  const std::string moment = Moment(event);
  if (crashlog::MemoryOf(event.wording) == Memory::kHost) {
    return fmt::format("The computer ran out of its own memory (not the GPU's){}.", moment);
  }
  if (!event.is_vram_oom) {
    return fmt::format("This reads like want of memory and is not{}.", moment);
  }
  const Figures& f = c.figures;
  std::string who = event.device ? fmt::format("GPU {}", *event.device) : "The GPU";
  if (event.rank) {
    who += fmt::format(" (rank {})", *event.rank);
  }
  std::string text = fmt::format("{} ran out of memory{}", who, moment);
  if (f.requested && f.free && f.total) {
    text += fmt::format(": {} asked for, {} of {} free", FormatBytes(*f.requested),
                        FormatBytes(*f.free), FormatBytes(*f.total));
  } else if (f.requested) {
    text += fmt::format(": {} asked for", FormatBytes(*f.requested));
    if (f.watermark && f.allocated) {
      text +=
          fmt::format(", {} of {} allocated", FormatBytes(*f.allocated), FormatBytes(*f.watermark));
    }
  } else if (f.free && f.total) {
    text += fmt::format(": {} of {} free", FormatBytes(*f.free), FormatBytes(*f.total));
  } else {
    text += "; the message gives no sizes";
  }
  return text + ".";
}

std::string SummaryWithoutDeath(const Diagnosis& d) {
  if (d.logs.empty()) {
    return d.job && d.job->forecast ? Outlook(*d.job->forecast)
                                    : "No log was given, and no forecast can be made.";
  }
  uint64_t lines = 0, bytes = 0;
  bool finished = false;
  for (const Log& log : d.logs) {
    lines += log.report.lines;
    bytes += log.report.bytes;
    finished = finished || log.report.training_finished;
  }
  if (bytes == 0) {
    return "The log is empty: no death for want of memory in it.";
  }
  return fmt::format("No death for want of memory in {} line{}{}.",
                     WithThousands(static_cast<int64_t>(lines)), lines == 1 ? "" : "s",
                     finished ? "; the training says that it was done" : "");
}

std::vector<Evidence> WhenEvidence(const Case& c) {
  std::vector<Evidence> evidence;
  if (const crashlog::Frame* frame = InnermostOwn(*c.event)) {
    evidence.push_back(
        {frame->code.empty() ? fmt::format("in {}", frame->function) : frame->code,
         frame->line > 0 ? fmt::format("{}:{}", frame->file, frame->line) : frame->file});
  }
  if (c.progress) {
    evidence.push_back(*c.progress);
  }
  return evidence;
}

std::vector<std::string> NextSteps(const Case& c, Cause cause, const Job* job) {
  std::vector<std::string> next;
  if (!c.event->is_vram_oom) {
    return next;
  }
  if (c.event->pattern == Pattern::kGradual || cause == Cause::kGrowthOverTime) {
    Gradual(c, next);
  } else if (c.event->pattern == Pattern::kEvaluation) {
    Evaluation(c, job, next);
  } else if (c.event->pattern == Pattern::kStart && cause == Cause::kCapacity) {
    next.push_back("It died before the first batch: a smaller batch would change nothing.");
  }
  if (c.log->report.training_finished) {
    next.push_back("The log says that training was done before: its results may be complete.");
  }
  return next;
}

}  // namespace vramcast::diagnosis
