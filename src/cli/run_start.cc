#include "cli/run_start.h"

#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <ostream>
#include <utility>

#include "cli/fix_plan.h"
#include "cli/run_policy.h"
#include "cli/run_protect.h"

namespace vramcast::cli {
namespace {

// Only the foreground may read from a terminal.
bool SomebodyIsThere() { return isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp(); }

// One line, byte by byte: what was typed after it is the command's.
std::string ReadLine() {
  std::string line;
  for (char c = 0; read(STDIN_FILENO, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

bool SaysYes(Output& output) {
  output.err() << "vramcast: start it all the same? [y/N] " << std::flush;
  const std::string answer = ReadLine();
  return answer == "y" || answer == "Y" || answer == "yes";
}

class Decision {
 public:
  Decision(const StartRequest& request, Output& output) : request_(request), output_(output) {}

  StartDecision Make() {
    StartDecision decision;
    decision.text = request_.asked.text;
    decision.revision = nanochat::HeadRevision();
    FixSource source;
    source.text = request_.asked.text;
    const auto revision = FindFixRevision(request_.arguments, source);
    if (revision) decision.revision = revision->revision;
    const auto card = FindFixCard(request_.arguments, source);
    if (!revision || !card) return decision;
    FixRequest fix;
    fix.text = source.text;
    fix.revision = revision->revision;
    fix.card = card->card;
    fix.total = card->total;
    fix.other_processes = card->other_processes;
    const auto plan = MakeFixPlan(fix);
    if (!plan) return decision;
    decision.forecasts = ForecastsOf(*plan, false);
    bool protected_now = false;
    if (request_.protect) protected_now = ProtectEvaluation(*plan, fix, &decision);
    for (const FixedLaunch& launch : plan->launches) {
      if (launch.before && !IsFine(launch, protected_now)) {
        Refuse(*plan, &decision);
        break;
      }
    }
    return decision;
  }

 private:
  bool ProtectEvaluation(const FixPlan& plan, const FixRequest& fix, StartDecision* decision) {
    for (const FixedLaunch& launch : plan.launches) {
      if (launch.stage != nanochat::Stage::kBase || !launch.before) continue;
      Protection protection = Protect(request_.asked.text, *launch.before, fix.revision, fix.card);
      if (!protection.sentence.empty()) output_.Note(protection.sentence);
      decision->text = std::move(protection.text);
      decision->protection = std::move(protection.sentence);
      return protection.holds;
    }
    return false;
  }

  // A launch that may start. What only may not fit starts: it is corrected if it dies.
  bool IsFine(const FixedLaunch& launch, bool protected_now) {
    const forecast::Forecast& before = *launch.before;
    const std::string need = fmt::format("{} to {}", FormatBytes(before.device_interval.low),
                                         FormatBytes(before.device_interval.high));
    if (request_.explain) {
      output_.Note(fmt::format("{} is forecast to take {} of the device ({})", launch.program,
                               FormatBytes(before.peak_device), need));
    }
    if (before.fits.value_or(true)) return true;
    const Bytes capacity = before.capacity.value_or(Bytes(0));
    const std::string where =
        before.dies_in ? fmt::format(", and it would die in the {}", PhaseTitle(*before.dies_in))
                       : "";
    if (before.device_interval.low <= capacity) {
      output_.Note(
          fmt::format("{} may not fit: it needs {}, and {} are there; it is started, and "
                      "corrected if it dies",
                      launch.program, need, FormatBytes(capacity)));
      return true;
    }
    output_.Note(fmt::format("{} will not fit: it needs {}, and {} are there{}", launch.program,
                             need, FormatBytes(capacity), where));
    return protected_now && launch.stage == nanochat::Stage::kBase;
  }

  void Refuse(const FixPlan& plan, StartDecision* decision) {
    if (plan.changed() && plan.fits() && request_.asked.script.empty()) {
      output_.Note("this fits: " + plan.text);
    } else if (plan.changed() && plan.fits()) {
      output_.Note("vramcast fix --script " + request_.asked.script + " shows what fits");
    }
    if (request_.force) return;
    if (request_.may_ask && SomebodyIsThere() && SaysYes(output_)) return;
    decision->starts = false;
    decision->why_not = "by the forecast it cannot fit; --force starts it all the same";
    output_.Note("not started; --force starts it all the same");
  }

  const StartRequest& request_;
  Output& output_;
};

}  // namespace

StartDecision DecideStart(const StartRequest& request, Output& output) {
  return Decision(request, output).Make();
}

}  // namespace vramcast::cli
