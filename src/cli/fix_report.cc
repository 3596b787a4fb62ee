#include "cli/fix_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "cli/code_changes.h"
#include "command/dialect.h"
#include "forecast/json.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

std::string ProgramOf(const FixedLaunch& launch) {
  return launch.stage ? command::ModuleOf(launch.program) : launch.program;
}

std::string DescribeChange(const command::Change& change, bool lines) {
  std::string text;
  if (change.kind == command::EditKind::kRename) {
    text = fmt::format("{} is now {}", change.before.value_or(""), change.flag);
  } else if (change.after && change.before) {
    text = fmt::format("{}: {} to {}", change.flag, *change.before, *change.after);
  } else if (change.after) {
    text = fmt::format("{}={}", change.flag, *change.after);
  } else {
    text = change.before ? fmt::format("{}={} removed", change.flag, *change.before)
                         : fmt::format("{} removed", change.flag);
  }
  if (!change.where.empty()) text += ", " + change.where;
  if (lines) text += fmt::format(" (line {})", change.line);
  return text;
}

std::string DescribePeak(const forecast::Forecast& forecast) {
  std::string text =
      fmt::format("{} at its peak ({}, {} to {})", FormatBytes(forecast.peak_device),
                  PhaseTitle(forecast.peak_phase), FormatBytes(forecast.device_interval.low),
                  FormatBytes(forecast.device_interval.high));
  if (forecast.capacity) text += fmt::format(" of {}", FormatBytes(*forecast.capacity));
  return text;
}

void AddForecast(Document& document, const FixedLaunch& launch) {
  if (launch.outcome == FixOutcome::kFixed && launch.before && launch.after &&
      launch.before->peak_device != launch.after->peak_device) {
    std::string before = "Before: " + DescribePeak(*launch.before);
    if (launch.before->dies_in) {
      before += fmt::format("; it dies in the {}", PhaseTitle(*launch.before->dies_in));
    }
    document.Add(Bullet{before + ".", Tone::kBad});
    document.Add(Bullet{"Now: " + DescribePeak(*launch.after) + ".", Tone::kGood});
  } else if (launch.after) {
    const bool good = launch.outcome != FixOutcome::kCannot;
    document.Add(Bullet{fmt::format("Forecast: {}.", DescribePeak(*launch.after)),
                        good ? Tone::kGood : Tone::kBad});
  }
}

void AddAlternatives(Document& document, const std::vector<forecast::Alternative>& all, bool fits,
                     const std::string& title) {
  bool first = true;
  for (const forecast::Alternative& other : all) {
    if (other.needs_code_change || other.forecast.fits.value_or(false) != fits) continue;
    if (std::exchange(first, false)) document.Add(Paragraph{title, Tone::kPlain});
    document.Add(Bullet{fmt::format("{}: {}.", other.description, DescribePeak(other.forecast)),
                        fits ? Tone::kGood : Tone::kPlain});
  }
}

std::string OutcomeTitle(const FixedLaunch& launch) {
  switch (launch.outcome) {
    case FixOutcome::kFits:
      return "fits as it is";
    case FixOutcome::kFixed:
      return "fits with these changes";
    case FixOutcome::kCannot:
      return "cannot be made to fit by its flags";
    case FixOutcome::kHalved:
      return "half the batch, not forecast";
    case FixOutcome::kUnknown:
      return "nothing to change";
  }
  return "";
}

void AddLaunch(Document& document, const FixedLaunch& launch, bool lines) {
  const Tone tone = launch.outcome == FixOutcome::kCannot ? Tone::kBad
                    : launch.outcome == FixOutcome::kFits || launch.outcome == FixOutcome::kFixed
                        ? Tone::kGood
                        : Tone::kWarning;
  const std::string where = lines ? fmt::format("line {}: ", launch.line) : "";
  document.Add(
      Paragraph{fmt::format("{}{}: {}", where, ProgramOf(launch), OutcomeTitle(launch)), tone});
  for (const command::Change& change : launch.changes) {
    document.Add(Bullet{DescribeChange(change, lines), Tone::kPlain});
  }
  for (const std::string& reason : launch.reasons) {
    document.Add(Bullet{"Why: " + reason + ".", Tone::kPlain});
  }
  AddForecast(document, launch);
  AddAlternatives(document, launch.alternatives, true, "What would fit:");
  AddAlternatives(document, launch.alternatives, false, "What would help, but not enough:");
  for (const std::string& note : launch.notes) {
    document.Add(Bullet{AsSentence(note), Tone::kWarning});
  }
  AddCodeChanges(launch.code_changes, &document);
}

void AddExplanation(Document& document, const FixedLaunch& launch) {
  if (!launch.after) return;
  document.Add(Title{fmt::format("How {} adds up", ProgramOf(launch))});
  Table terms{{"bytes", "what", "formula"}, {}, {true}};
  for (const forecast::Term& term : launch.after->terms) {
    terms.rows.push_back({FormatBytes(term.bytes), term.name, term.formula});
  }
  document.Add(std::move(terms));
  Table inputs{{"input", "value", "from"}, {}, {}};
  for (const forecast::Input& input : launch.after->inputs) {
    inputs.rows.push_back({input.name, input.value, input.origin});
  }
  document.Add(std::move(inputs));
}

void AddSaved(Document& document, const Saved& saved) {
  document.Add(Title{"What can be saved"});
  for (const std::string& sentence : saved.sentences) {
    document.Add(Bullet{sentence, Tone::kPlain});
  }
  if (saved.command) {
    document.Add(Paragraph{"Go on from there with:", Tone::kPlain});
    document.Add(Code{*saved.command});
  }
}

json ChangeToJson(const command::Change& change) {
  return {{"flag", change.flag},
          {"before", change.before ? json(*change.before) : json()},
          {"after", change.after ? json(*change.after) : json()},
          {"renamed", change.kind == command::EditKind::kRename},
          {"line", change.line},
          {"where", change.where}};
}

std::string_view OutcomeName(FixOutcome outcome) {
  switch (outcome) {
    case FixOutcome::kFits:
      return "fits";
    case FixOutcome::kFixed:
      return "fixed";
    case FixOutcome::kCannot:
      return "cannot";
    case FixOutcome::kHalved:
      return "halved";
    case FixOutcome::kUnknown:
      return "unknown";
  }
  return "unknown";
}

json LaunchToJson(const FixedLaunch& launch) {
  json changes = json::array();
  for (const command::Change& change : launch.changes) changes.push_back(ChangeToJson(change));
  json alternatives = json::array();
  for (const forecast::Alternative& other : launch.alternatives) {
    alternatives.push_back({{"description", other.description},
                            {"needs_code_change", other.needs_code_change},
                            {"forecast", forecast::ToJson(other.forecast)}});
  }
  return {{"line", launch.line},
          {"program", ProgramOf(launch)},
          {"outcome", OutcomeName(launch.outcome)},
          {"changes", std::move(changes)},
          {"reasons", launch.reasons},
          {"notes", launch.notes},
          {"before", launch.before ? forecast::ToJson(*launch.before) : json()},
          {"forecast", launch.after ? forecast::ToJson(*launch.after) : json()},
          {"alternatives", std::move(alternatives)},
          {"code_changes", forecast::ToJson(launch.code_changes)}};
}

json SavedToJson(const Saved& saved) {
  json checkpoint;
  if (saved.checkpoint) {
    checkpoint = {{"folder", saved.checkpoint->folder.string()},
                  {"step", saved.checkpoint->step},
                  {"optimizer_shards", saved.checkpoint->optimizer_shards}};
  }
  return {{"checkpoint", std::move(checkpoint)},
          {"command", saved.command ? json(*saved.command) : json()},
          {"notes", saved.sentences}};
}

}  // namespace

Document Describe(const FixAnswer& answer, bool explain) {
  Document document;
  const bool script = answer.source.kind == FixSource::Kind::kScript;
  const nanochat::Revision& revision = answer.revision.revision;
  std::string title = "fix";
  if (!answer.card.name.empty()) title += " for " + answer.card.name;
  document.Add(Title{title});
  if (!answer.plan.changed()) {
    document.Add(answer.plan.fits()
                     ? Paragraph{"Nothing needs changing.", Tone::kGood}
                     : Paragraph{"Nothing was changed: no flag is known to help.", Tone::kBad});
  } else if (script) {
    document.Add(Paragraph{answer.written_to.empty()
                               ? fmt::format("Change {} like this (vramcast fix --in-place {} does "
                                             "it):",
                                             answer.source.file, answer.source.file)
                               : fmt::format("{} was changed like this; the original is {}.orig:",
                                             answer.written_to, answer.written_to),
                           Tone::kPlain});
    document.Add(Code{answer.difference});
  } else {
    document.Add(Paragraph{"Run this:", Tone::kPlain});
    document.Add(Code{answer.plan.text});
  }
  for (const FixedLaunch& launch : answer.plan.launches) AddLaunch(document, launch, script);
  if (answer.saved) AddSaved(document, *answer.saved);

  std::vector<std::string> notes = answer.source.notes;
  notes.insert(notes.end(), answer.card.notes.begin(), answer.card.notes.end());
  if (answer.card.other_processes.count() > 0) {
    notes.push_back(fmt::format("other processes are taken to hold {} of the card",
                                FormatBytes(answer.card.other_processes)));
  }
  const bool of_nanochat =
      std::any_of(answer.plan.launches.begin(), answer.plan.launches.end(),
                  [](const FixedLaunch& each) { return each.stage.has_value(); });
  if (of_nanochat) {
    notes.push_back(fmt::format("the revision is nanochat {} of {} ({})", revision.ShortCommit(),
                                revision.Date(), answer.revision.origin));
    if (!revision.note.empty()) notes.push_back(revision.note);
  }
  if (!notes.empty()) document.Add(Title{"Taken for granted"});
  for (const std::string& note : notes) document.Add(Bullet{AsSentence(note), Tone::kPlain});
  if (explain) {
    for (const FixedLaunch& launch : answer.plan.launches) AddExplanation(document, launch);
  }
  return document;
}

json ToJson(const FixAnswer& answer) {
  json launches = json::array();
  for (const FixedLaunch& launch : answer.plan.launches) launches.push_back(LaunchToJson(launch));
  std::vector<std::string> notes = answer.source.notes;
  notes.insert(notes.end(), answer.card.notes.begin(), answer.card.notes.end());
  const nanochat::Revision& revision = answer.revision.revision;
  return {{"schema", "vramcast.fix"},
          {"version", 1},
          {"changed", answer.plan.changed()},
          {"fits", answer.plan.fits()},
          {"command", answer.plan.text},
          {"file", answer.source.file.empty() ? json() : json(answer.source.file)},
          {"written", !answer.written_to.empty()},
          {"difference", answer.difference.empty() ? json() : json(answer.difference)},
          {"launches", std::move(launches)},
          {"saved", answer.saved ? SavedToJson(*answer.saved) : json()},
          {"gpu", answer.card.name},
          {"other_processes_bytes", answer.card.other_processes.count()},
          {"revision", revision.commit},
          {"revision_origin", answer.revision.origin},
          {"notes", std::move(notes)}};
}

}  // namespace vramcast::cli
