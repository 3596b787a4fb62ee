// The launch command of the run that died, where it is known: what the forecast says it needs, and
// whether that explains the crash.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "command/launch.h"
#include "crashlog/report.h"
#include "diagnosis/ballot.h"
#include "diagnosis/figures.h"
#include "forecast/fit.h"
#include "forecast/forecast.h"
#include "nanochat/revision.h"

namespace vramcast::diagnosis {

// What is known of the card and the software beside the command.
struct Surroundings {
  std::optional<gpu::Card> card;        // asked for by the person, or named by the log
  std::optional<std::string> revision;  // of nanochat
  nanochat::Flags logged;               // what nanochat itself printed of its settings
  Bytes other_processes;                // held by others on the card
  std::optional<Bytes> total;           // of the card, as the message prints it
  std::optional<Bytes> wanted;          // allocated and requested when it died
};

enum class Explains : uint8_t {
  kYes,      // the forecast says that this command cannot fit
  kNearly,   // within the forecast's own uncertainty
  kNo,       // by the forecast it fits: something else is the cause
  kUnknown,  // no forecast, or no card to compare with
};

struct Job {
  command::LaunchScript script;
  size_t launch_index = 0;
  std::optional<nanochat::Revision> revision;
  std::optional<forecast::Request> request;
  std::optional<forecast::Forecast> forecast;
  std::optional<forecast::Fit> fit;  // where a card is known
  Explains explains = Explains::kUnknown;
  std::string verdict;  // the comparison in one sentence with its numbers; empty if there is none
  std::vector<std::string> notes;

  const command::Launch& launch() const { return script.launches[launch_index]; }
};

// What nanochat printed of its settings, as flags.
nanochat::Flags FlagsOf(const crashlog::NanochatFacts& facts);
// What the command leaves open and the run printed.
void Complete(nanochat::Flags& flags, const nanochat::Flags& logged);

// The launch of `text` that matters: the one of nanochat if there is one, else the first. Nothing
// if `text` starts no Python program. What cannot be forecast is told in `notes`.
std::optional<Job> MakeJob(command::LaunchScript script, const Surroundings& around);

// What the forecast says for and against the causes.
void Judge(const Job& job, Ballot& ballot);

}  // namespace vramcast::diagnosis
