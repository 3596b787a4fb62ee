#include "cli/forecast_text.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/text.h"

namespace vramcast::cli {
namespace {

std::string_view StageTitle(nanochat::Stage stage) {
  switch (stage) {
    case nanochat::Stage::kBase:
      return "base training";
    case nanochat::Stage::kMid:
      return "midtraining";
    case nanochat::Stage::kSft:
      return "supervised fine-tuning";
    case nanochat::Stage::kRl:
      return "reinforcement learning";
    case nanochat::Stage::kBaseEval:
      return "evaluation of the base model";
    case nanochat::Stage::kChatEval:
      break;
  }
  return "evaluation of the chat model";
}

std::string ValueOf(const forecast::Forecast& forecast, std::string_view name) {
  for (const forecast::Input& input : forecast.inputs) {
    if (input.name == name) return input.value;
  }
  return "?";
}

std::string WithSign(Bytes bytes) {
  return bytes < Bytes(0) ? fmt::format("{} too much", Gib(-bytes))
                          : fmt::format("{} to spare", Gib(bytes));
}

void AddRulesOfThumb(const forecast::Forecast& forecast, Document* document) {
  document->Add(Title{"Rules of thumb beside it"});
  Table table;
  table.header = {"what", "rule", "says", "forecast", "error"};
  table.right_aligned = {false, false, true, true, true};
  for (const forecast::RuleOfThumb& rule : forecast.rules_of_thumb) {
    const auto text = [&](double value) {
      return rule.in_bytes ? fmt::format("{:.2f} GiB", value / (1 << 30))
                           : fmt::format("{:.0f} M", value / 1e6);
    };
    table.rows.push_back({rule.subject, rule.rule, text(rule.by_rule), text(rule.forecast),
                          rule.forecast > 0
                              ? fmt::format("{:+.0f} %", (rule.by_rule / rule.forecast - 1) * 100)
                              : ""});
  }
  document->Add(std::move(table));
  document->Add(Paragraph{
      "The forecast's figures are those at the peak: what is not alive then (gradients, where the "
      "peak is in a forward pass) does not count."});
}

}  // namespace

std::string Gib(Bytes bytes) { return fmt::format("{:.2f} GiB", bytes.gib()); }

std::string TitleOf(const forecast::Forecast& forecast) {
  return fmt::format(
      "{} of depth {}, {} x {} tokens{}", StageTitle(forecast.stage), ValueOf(forecast, "depth"),
      forecast.device_batch_size, ValueOf(forecast, "max-seq-len"),
      forecast.world_size > 1 ? fmt::format(" on each of {} GPUs", forecast.world_size)
                              : std::string());
}

void AddVerdict(const forecast::Forecast& forecast, const std::string& card, Document* document) {
  if (!forecast.fits) {
    document->Add(Paragraph{fmt::format(
        "It needs {} of GPU memory ({} to {}). Name a card with --gpu to know whether that fits.",
        Gib(forecast.peak_device), Gib(forecast.device_interval.low),
        Gib(forecast.device_interval.high))});
    return;
  }
  const std::string spare = forecast.headroom ? WithSign(*forecast.headroom) : "";
  if (*forecast.fits) {
    document->Add(
        Paragraph{fmt::format("It fits on {}: at most {} of {} are needed, {}.", card,
                              Gib(forecast.device_interval.high), Gib(*forecast.capacity), spare),
                  Tone::kGood});
    return;
  }
  document->Add(Paragraph{
      fmt::format("It does not fit on {}: up to {} of {} are needed, {}. It would die in the "
                  "phase: {}.",
                  card, Gib(forecast.device_interval.high), Gib(*forecast.capacity), spare,
                  PhaseTitle(forecast.dies_in.value_or(forecast.peak_phase))),
      Tone::kBad});
}

void AddForecast(const forecast::Forecast& forecast, Document* document) {
  Table numbers;
  numbers.header = {"", "forecast", "low", "high"};
  numbers.right_aligned = {false, true, true, true};
  numbers.rows.push_back({"allocated by PyTorch", Gib(forecast.peak_allocated),
                          Gib(forecast.interval.low), Gib(forecast.interval.high)});
  numbers.rows.push_back({"reserved by PyTorch", Gib(forecast.peak_reserved), "", ""});
  numbers.rows.push_back({"on the device", Gib(forecast.peak_device),
                          Gib(forecast.device_interval.low), Gib(forecast.device_interval.high)});
  document->Add(std::move(numbers));

  document->Add(Title{"When"});
  Table phases;
  phases.header = {"phase", "allocated", "reserved", ""};
  phases.right_aligned = {false, true, true, false};
  for (const forecast::PhasePeak& phase : forecast.phases) {
    phases.rows.push_back({std::string(PhaseTitle(phase.phase)), Gib(phase.allocated),
                           Gib(phase.reserved),
                           phase.phase == forecast.peak_phase ? "the peak" : ""});
  }
  document->Add(std::move(phases));

  document->Add(Title{"What, at the peak"});
  Bars bars;
  for (const forecast::CategoryBytes& part : forecast.composition) {
    if (part.bytes <= Bytes(0)) continue;
    bars.bars.push_back(
        {std::string(CategoryName(part.category)), part.bytes.gib(), Gib(part.bytes)});
  }
  document->Add(std::move(bars));
  for (const std::string& warning : forecast.warnings) {
    document->Add(Bullet{warning + ".", Tone::kWarning});
  }
}

void AddNotes(const std::vector<std::string>& notes, Document* document) {
  for (const std::string& note : notes) document->Add(Bullet{note + "."});
}

void AddExplanation(const forecast::Forecast& forecast, Document* document) {
  document->Add(Title{"Terms of the peak"});
  Table terms;
  terms.header = {"bytes", "what", "size"};
  terms.right_aligned = {true, false, false};
  for (const forecast::Term& term : forecast.terms) {
    terms.rows.push_back({WithThousands(term.bytes.count()), term.name, term.formula});
  }
  document->Add(std::move(terms));
  document->Add(Paragraph{
      "B sequences on this GPU, T tokens each, C width, V padded vocabulary, H heads, L layers, W "
      "GPUs, e bytes of an activation. Sums are those of the trace, block sizes rounded to 512."});

  document->Add(Title{"Inputs"});
  Table inputs;
  inputs.header = {"input", "value", "from"};
  for (const forecast::Input& input : forecast.inputs) {
    inputs.rows.push_back({input.name, input.value, input.origin});
  }
  document->Add(std::move(inputs));

  document->Add(Title{"Why the interval is as wide as it is"});
  Table reasons;
  reasons.header = {"below", "above", "reason"};
  reasons.right_aligned = {true, true, false};
  for (const forecast::Uncertainty& reason : forecast.uncertainties) {
    reasons.rows.push_back({FormatBytes(reason.low), FormatBytes(reason.high), reason.reason});
  }
  for (const forecast::OutsideBytes& term : forecast.outside) {
    reasons.rows.push_back({FormatBytes(term.usual - term.low), FormatBytes(term.high - term.usual),
                            fmt::format("outside PyTorch: {}, usually {} ({})", term.name,
                                        FormatBytes(term.usual), term.source)});
  }
  document->Add(std::move(reasons));
  AddRulesOfThumb(forecast, document);
}

}  // namespace vramcast::cli
