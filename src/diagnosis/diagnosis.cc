#include "diagnosis/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "diagnosis/advice.h"
#include "diagnosis/ranks.h"
#include "diagnosis/remedies.h"
#include "diagnosis/rules.h"

namespace vramcast::diagnosis {
namespace {

using crashlog::Memory;
using crashlog::OomEvent;

Verdict VerdictOf(const OomEvent& event) {
  if (event.is_vram_oom) {
    return Verdict::kGpuMemory;
  }
  return crashlog::MemoryOf(event.wording) == Memory::kHost ? Verdict::kHostMemory
                                                            : Verdict::kLookAlike;
}

// GPU memory before host memory before look-alikes: a rank that dies of GPU memory takes others
// with it, who then are killed or time out. Of equals the one that died first.
std::optional<size_t> MainDeath(const Diagnosis& d) {
  for (const Verdict wanted : {Verdict::kGpuMemory, Verdict::kHostMemory, Verdict::kLookAlike}) {
    std::optional<size_t> first;
    for (size_t i = 0; i < d.deaths.size(); ++i) {
      if (VerdictOf(d.logs[d.deaths[i].log].report.events[d.deaths[i].event]) != wanted) {
        continue;
      }
      if (!first || DiedBefore(d, i, *first)) {
        first = i;
      }
    }
    if (first) {
      return first;
    }
  }
  return std::nullopt;
}

// A launch that means what nanochat printed of itself. Nothing if the depth is not among it.
std::optional<std::string> CommandFromFacts(const crashlog::NanochatFacts& facts) {
  if (!facts.depth) {
    return std::nullopt;
  }
  const std::string script = facts.script.value_or("scripts.base_train");
  if (!command::StageOfProgram(script)) {
    return std::nullopt;
  }
  std::string text = facts.world_size.value_or(1) > 1
                         ? fmt::format("torchrun --standalone --nproc_per_node={} -m {} --",
                                       *facts.world_size, script)
                         : fmt::format("python -m {}", script);
  const std::pair<const char*, std::optional<int64_t>> flags[] = {
      {"depth", facts.depth},
      {"max-seq-len", facts.max_seq_len},
      {"device-batch-size", facts.device_batch_size},
      {"total-batch-size", facts.total_batch_size}};
  for (const auto& [name, value] : flags) {
    if (value) {
      text += fmt::format(" --{}={}", name, *value);
    }
  }
  return text;
}

Surroundings SurroundingsOf(const Log* log, const Case* c, const Hints& hints) {
  Surroundings around;
  around.card = hints.card;
  around.revision = hints.revision;
  if (log != nullptr) {
    const crashlog::LogReport& report = log->report;
    around.logged = FlagsOf(report.nanochat);
    if (!around.revision) {
      around.revision = report.nanochat.commit;
    }
    const auto& name = report.nanochat.gpu_name ? report.nanochat.gpu_name : report.gpu_name;
    if (!around.card && name) {
      if (auto match = gpu::FindCard(*name)) {
        around.card = std::move(match->card);
      }
    }
  }
  if (c != nullptr) {
    const Figures& f = c->figures;
    around.total = f.total;
    around.other_processes = f.neighbours_sum + (f.self ? f.unnamed.value_or(Bytes()) : Bytes());
    if (f.allocated && f.requested) {
      around.wanted = *f.allocated + *f.requested;
    }
  }
  return around;
}

std::optional<Job> JobOf(const Log* log, const Case* c, const Hints& hints) {
  const Surroundings around = SurroundingsOf(log, c, hints);
  if (!hints.command.empty()) {
    return MakeJob(command::ReadLaunches(std::span<const std::string>(hints.command)), around);
  }
  if (log == nullptr) {
    return std::nullopt;
  }
  // The last command before the death is the one that died.
  const auto& commands = log->report.commands;
  for (auto it = commands.rbegin(); it != commands.rend(); ++it) {
    if (c != nullptr && it->place.offset > c->event->place.offset) {
      continue;
    }
    if (auto job = MakeJob(command::ReadLaunches(it->text), around)) {
      return job;
    }
  }
  if (auto text = CommandFromFacts(log->report.nanochat)) {
    auto job = MakeJob(command::ReadLaunches(std::move(*text)), around);
    if (job) {
      job->notes.push_back(
          "the log holds no launch command; this one is made of what nanochat printed of itself");
    }
    return job;
  }
  return std::nullopt;
}

// For a command that will die: as if it had, where the forecast says.
std::vector<Remedy> RemediesBeforehand(const Job& job) {
  std::vector<Remedy> remedies;
  if (!job.forecast || job.forecast->fits.value_or(true)) {
    return remedies;
  }
  Log log;
  log.name = "forecast";
  OomEvent event;
  event.is_vram_oom = true;
  event.phase = job.forecast->dies_in.value_or(Phase::kUnknown);
  log.report.events.push_back(event);
  CorrectLaunch(MakeCase(log, 0), Cause::kCapacity, job, remedies);
  return remedies;
}

void Count(Diagnosis& d) {
  for (const Log& log : d.logs) {
    if (log.report.events_dropped > 0) {
      d.skipped.push_back(fmt::format("{}: {} further deaths were counted but not kept", log.name,
                                      log.report.events_dropped));
    }
    if (log.report.nul_bytes > 0) {
      d.skipped.push_back(fmt::format("{}: {} NUL byte{}{}", log.name, log.report.nul_bytes,
                                      log.report.nul_bytes == 1 ? "" : "s",
                                      log.report.looks_binary ? "; it looks binary" : ""));
    }
  }
}

}  // namespace

const OomEvent* Diagnosis::main_event() const {
  return main ? &logs[deaths[*main].log].report.events[deaths[*main].event] : nullptr;
}

Diagnosis Diagnose(std::vector<Log> logs, const Hints& hints) {
  Diagnosis d;
  d.logs = std::move(logs);
  for (size_t log = 0; log < d.logs.size(); ++log) {
    for (size_t event = 0; event < d.logs[log].report.events.size(); ++event) {
      d.deaths.push_back({log, event, FindCauses(MakeCase(d.logs[log], event)).front().cause});
    }
  }
  Count(d);
  d.main = MainDeath(d);
  if (!d.main) {
    d.job = JobOf(d.logs.empty() ? nullptr : &d.logs.front(), nullptr, hints);
    d.summary = SummaryWithoutDeath(d);
    if (d.logs.empty() && d.job) {
      d.remedies = RemediesBeforehand(*d.job);
    }
    return d;
  }

  Death& main = d.deaths[*d.main];
  const Case c = MakeCase(d.logs[main.log], main.event);
  d.verdict = VerdictOf(*c.event);
  d.job = JobOf(&d.logs[main.log], &c, hints);
  const Job* job = d.job ? &*d.job : nullptr;
  d.findings = FindCauses(c, job);
  main.cause = d.findings.front().cause;
  d.remedies = Recommend(c, d.findings, job);
  d.summary = Summary(c);
  d.when = WhenEvidence(c);
  d.next = NextSteps(c, main.cause, job);
  d.others = CompareRanks(d);
  return d;
}

}  // namespace vramcast::diagnosis
