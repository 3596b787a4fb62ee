// The heart of `fix`: for each launch of a command or script, what must change so that it fits, and
// the forecasts that say so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "command/edit.h"
#include "command/launch.h"
#include "forecast/code_remedies.h"
#include "forecast/fit.h"
#include "forecast/forecast.h"
#include "gpu/card.h"
#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

// Changes beyond a smaller device batch with the same total, each of which somebody may not want.
struct MayChange {
  bool batch = true;      // how many examples an optimizer step learns from
  bool fp8 = true;        // take --fp8 away
  bool metrics = true;    // leave out a metric that does not fit
  bool sequence = false;  // a shorter --max-seq-len
};

struct FixRequest {
  std::string text;  // the command or script
  nanochat::Revision revision;
  std::optional<gpu::Card> card;
  std::optional<Bytes> total;  // as the driver or a log says; else the card's
  Bytes other_processes;
  std::optional<Bytes> margin;
  // What a log says about the model; flags of the command go first.
  nanochat::Flags known;
  // The command is known to have died for want of GPU memory: as it is, it does not fit.
  bool died = false;
  // The program of the launch that died ("base_train": without folders and ending); empty: any.
  std::string died_program;
  MayChange may_change;
};

enum class FixOutcome : uint8_t {
  kFits,     // nothing needed changing
  kFixed,    // it fits with what was changed
  kCannot,   // no flag of this script makes it fit
  kHalved,   // not nanochat: the batch size was halved, without a forecast
  kUnknown,  // not nanochat, and no flag to change
};

struct FixedLaunch {
  size_t line = 1;  // in the new text
  std::string program;
  std::optional<nanochat::Stage> stage;
  FixOutcome outcome = FixOutcome::kUnknown;
  std::vector<command::Change> changes;
  std::vector<std::string> reasons;  // for the changes
  std::vector<std::string> notes;    // what is not known or doubtful
  std::optional<forecast::Forecast> before;
  std::optional<forecast::Forecast> after;
  std::vector<forecast::Alternative> alternatives;  // of kCannot
  // For a command that does not fit as it was given: what nanochat's code could do about it.
  std::vector<forecast::CodeRemedy> code_changes;
};

struct FixPlan {
  std::string text;                   // corrected; equal to the request's where nothing changed
  std::vector<FixedLaunch> launches;  // those that use a GPU, in order

  bool changed() const;
  bool fits() const;  // every launch fits, was fixed or could be halved
};

// "base_train" of "scripts.base_train" and of "scripts/base_train.py".
std::string ProgramStem(std::string_view program);

// Usage error: no launch in the text, or a forecast that cannot be made (see forecast::Make).
Result<FixPlan> MakeFixPlan(const FixRequest& request);

}  // namespace vramcast::cli
