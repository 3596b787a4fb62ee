#include "cli/run_attempts.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "cli/fix_plan.h"
#include "crashlog/when.h"

namespace vramcast::cli {
namespace {

// An out-of-memory that the program survived for longer is not what it died of.
constexpr double kDiesWithin = 120;  // seconds

// The death that the start-up module saw in a process which went no further; null if none did.
const supervise::DeathRecord* LastDeath(const Attempt& attempt,
                                        const supervise::ProcessRecord** process) {
  const supervise::DeathRecord* last = nullptr;
  for (const supervise::ProcessRecord& record : attempt.records.processes) {
    for (const supervise::DeathRecord& death : record.deaths) {
      const bool went_on = !attempt.stalled && record.time - death.time > kDiesWithin;
      if (went_on || (last != nullptr && last->time <= death.time)) continue;
      last = &death;
      *process = &record;
    }
  }
  return last;
}

// For a command whose output goes elsewhere: the death as the allocator itself told it.
diagnosis::Log LogOf(const supervise::DeathRecord& death, const supervise::ProcessRecord& process) {
  diagnosis::Log log;
  log.name = "the start-up module";
  crashlog::OomEvent event;
  event.is_vram_oom = true;
  event.framework = crashlog::Framework::kPytorch;
  event.wording = crashlog::Wording::kAllocator;
  event.device = death.device;
  event.rank = process.rank;
  event.pid = process.pid;
  event.requested = death.requested;
  event.total = death.total;
  event.free = death.free;
  event.allocated = death.allocated;
  event.reserved = death.reserved;
  if (death.reserved && death.allocated && *death.reserved >= *death.allocated) {
    event.reserved_unallocated = *death.reserved - *death.allocated;
  }
  event.frames = death.frames;
  event.phase = crashlog::PhaseOfFrames(death.frames, death.time - process.began > kDiesWithin);
  event.evidence = "the allocator's own report of an out-of-memory";
  log.report.events.push_back(std::move(event));
  log.around.resize(1);
  return log;
}

bool TellsOfGpuMemory(const diagnosis::Log& log) {
  return std::any_of(log.report.events.begin(), log.report.events.end(),
                     [](const crashlog::OomEvent& event) { return event.is_vram_oom; });
}

std::string ProgramOf(const Attempt& attempt, const supervise::ProcessRecord* process) {
  if (process != nullptr && !process->program.empty()) return ProgramStem(process->program);
  if (!attempt.death) return "";
  // The program's own file is the outermost that is no launcher's.
  for (const crashlog::Frame& frame : attempt.death->frames) {
    const bool launcher = frame.file.find("/torch/distributed/") != std::string::npos ||
                          frame.file.find("runpy.py") != std::string::npos ||
                          frame.file.find("<frozen") != std::string::npos ||
                          frame.file.find("/bin/") != std::string::npos;
    if (!launcher && frame.file.ends_with(".py")) return ProgramStem(frame.file);
  }
  return "";
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kFinished:
      return "finished";
    case Outcome::kInterrupted:
      return "interrupted";
    case Outcome::kGpuMemory:
      return "out_of_memory";
    case Outcome::kHostMemory:
      return "out_of_host_memory";
    case Outcome::kFailed:
      break;
  }
  return "failed";
}

void Judge(diagnosis::Log log, const diagnosis::Hints& hints, int64_t host_kills,
           Attempt* attempt) {
  attempt->printed_peak = log.report.nanochat.peak_memory;
  for (const crashlog::Progress& progress : log.report.progress) {
    if (progress.of == crashlog::Progress::Of::kTraining) attempt->last_step = progress.step;
  }
  attempt->output = log.report;
  if (attempt->ended.code == 0) return;
  const supervise::ProcessRecord* process = nullptr;
  const supervise::DeathRecord* recorded = LastDeath(*attempt, &process);
  std::vector<diagnosis::Log> logs;
  const bool told = TellsOfGpuMemory(log);
  logs.push_back(std::move(log));
  if (!told && recorded != nullptr) {
    logs.push_back(LogOf(*recorded, *process));
    attempt->output.events.push_back(logs.back().report.events.front());
  }
  diagnosis::Diagnosis diagnosis = diagnosis::Diagnose(std::move(logs), hints);
  attempt->summary = std::move(diagnosis.summary);
  if (const crashlog::OomEvent* event = diagnosis.main_event()) attempt->death = *event;
  if (!diagnosis.findings.empty()) {
    attempt->cause = diagnosis.findings.front().cause;
  }
  attempt->outcome = diagnosis.verdict == diagnosis::Verdict::kGpuMemory    ? Outcome::kGpuMemory
                     : diagnosis.verdict == diagnosis::Verdict::kHostMemory ? Outcome::kHostMemory
                                                                            : Outcome::kFailed;
  // Elsewhere on the machine the kernel may have killed something too.
  const bool killed = attempt->ended.code == 128 + SIGKILL;
  if (attempt->outcome == Outcome::kFailed && host_kills > 0 && killed) {
    attempt->outcome = Outcome::kHostMemory;
    attempt->cause = diagnosis::Cause::kHostMemory;
    attempt->summary =
        "It was ended by SIGKILL, and meanwhile the kernel killed for want of host memory.";
  } else if (attempt->outcome == Outcome::kFailed && attempt->ended.signal != 0 &&
             !attempt->death) {
    attempt->summary = fmt::format("It was ended by signal {} ({}).", attempt->ended.signal,
                                   strsignal(attempt->ended.signal));
  } else if (attempt->outcome == Outcome::kFailed && !attempt->death) {
    attempt->summary = fmt::format("It failed with exit code {}.", attempt->ended.code);
  }
  if (attempt->ended.interrupted) {
    attempt->outcome = Outcome::kInterrupted;
    attempt->summary = fmt::format("It was asked to end{}.",
                                   attempt->ended.forced ? ", did not, and was killed" : "");
  }
  if (attempt->outcome == Outcome::kGpuMemory) {
    attempt->died_program = ProgramOf(*attempt, recorded == nullptr ? nullptr : process);
  }
}

}  // namespace vramcast::cli
