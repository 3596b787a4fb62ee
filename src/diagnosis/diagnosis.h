// The answer to "why did it die and what now": findings with their evidence, best first, and
// remedies with their commands, over one log or the logs of several ranks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crashlog/event.h"
#include "diagnosis/ballot.h"
#include "diagnosis/job.h"
#include "diagnosis/log.h"
#include "diagnosis/remedy.h"
#include "gpu/card.h"

namespace vramcast::diagnosis {

// What the person adds to the logs. Everything may be missing.
struct Hints {
  std::vector<std::string> command;     // argv of the run that died
  std::optional<gpu::Card> card;        // else the log's
  std::optional<std::string> revision;  // of nanochat; else the log's, else the newest
};

// One event, and which log it stands in.
struct Death {
  size_t log = 0;    // into Diagnosis::logs
  size_t event = 0;  // into its report.events
  Cause cause = Cause::kUnknown;
};

enum class Verdict : uint8_t { kNoDeath, kGpuMemory, kHostMemory, kLookAlike };

struct Diagnosis {
  std::vector<Log> logs;
  std::vector<Death> deaths;   // every event of every log
  std::optional<size_t> main;  // into deaths: the first death for want of GPU memory, else of host
                               // memory, else the first look-alike
  Verdict verdict = Verdict::kNoDeath;
  std::vector<Finding> findings;  // of the main death
  std::vector<Remedy> remedies;
  std::optional<Job> job;  // from the hints, else from the main death's log

  std::string summary;               // what happened, one sentence
  std::vector<Evidence> when;        // what the pattern was read from
  std::vector<std::string> others;   // sentences on other ranks and further deaths
  std::vector<std::string> next;     // what to look at next, by pattern: sentences
  std::vector<std::string> skipped;  // what was left out, and how much of it

  const crashlog::OomEvent* main_event() const;
};

// Never fails: an empty log is a log without a death. With no log at all, only the job is looked
// at.
Diagnosis Diagnose(std::vector<Log> logs, const Hints& hints);

}  // namespace vramcast::diagnosis
