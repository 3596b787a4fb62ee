// `vramcast forecast`: what a run will need, phase by phase, and whether it fits.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "cli/calibrate.h"
#include "cli/flag_table.h"
#include "cli/forecast_export.h"
#include "cli/forecast_text.h"
#include "cli/launch_requests.h"
#include "cli/model_flags.h"
#include "cli/nanochat_options.h"
#include "cli/verbs.h"
#include "forecast/json.h"

namespace vramcast::cli {
namespace {

struct OneForecast {
  std::optional<LaunchRequest> launch;  // nothing: from flags alone
  forecast::Forecast forecast;
};

std::string CardName(const forecast::Request& request) {
  return request.card ? request.card->name : "the card";
}

// The one that decides about a whole script: the first that does not fit, else the largest.
const OneForecast& Decisive(const std::vector<OneForecast>& all) {
  for (const OneForecast& one : all) {
    if (one.forecast.fits == false) return one;
  }
  return *std::max_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.forecast.device_interval.high < b.forecast.device_interval.high;
  });
}

class ForecastVerb : public Verb {
 public:
  std::string_view name() const override { return "forecast"; }
  std::string_view description() const override {
    return "what a run will need, phase by phase, and whether it fits";
  }

  void Declare(FlagTable& flags) override {
    options_.Declare(flags);
    model_.Declare(flags);
    export_.Declare(flags);
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", explain_, "each term, where each input comes from, rules of thumb");
    calibrate_ = flags
                     .Value("--calibrate", logs_,
                            "read the peaks that runs of yours printed (docs/calibration.md)")
                     .TakesAny();
    flags.Switch("--forget", forget_, "with --calibrate: let go of what was measured before");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (model_.given()) return model_.Run(export_, json_, explain_, output);
    if (auto unused = model_.CheckUnused(); !unused) return tl::make_unexpected(unused.error());
    std::vector<std::string> notes;
    Result<forecast::Request> base = options_.Request(&notes);
    if (!base) return tl::make_unexpected(base.error());
    if (forget_ && !calibrate_->Given()) return UsageError("--forget goes with --calibrate");
    if (calibrate_->Given()) return Calibrate(command, *base, output);
    Result<std::vector<OneForecast>> all = MakeAll(command, *base);
    if (!all) return tl::make_unexpected(all.error());
    const OneForecast& decisive = Decisive(*all);
    if (export_.wanted()) {
      const forecast::Request& request = decisive.launch ? decisive.launch->request : *base;
      if (Status status = export_.Write(forecast::Record(request)); !status) {
        return tl::make_unexpected(status.error());
      }
    }
    if (json_) {
      PrintJson(*all, decisive, notes, output);
    } else {
      Print(*all, decisive, *base, notes, output);
    }
    return decisive.forecast.fits == false ? Exit::kBadNews : Exit::kYes;
  }

 private:
  Result<Exit> Calibrate(const std::vector<std::string>& command, const forecast::Request& base,
                         Output& output) {
    std::erase(logs_, std::string());
    return RunCalibrate(
        {.logs = logs_, .forget = forget_, .base = base, .command = command, .json = json_},
        output);
  }

  Result<std::vector<OneForecast>> MakeAll(const std::vector<std::string>& command,
                                           const forecast::Request& base) const {
    std::vector<OneForecast> all;
    if (command.empty()) {
      Result<forecast::Forecast> forecast = forecast::Make(base);
      if (!forecast) return tl::make_unexpected(forecast.error());
      all.push_back({std::nullopt, std::move(*forecast)});
      return all;
    }
    Result<std::vector<LaunchRequest>> launches = RequestsOf(command, options_, base);
    if (!launches) return tl::make_unexpected(launches.error());
    for (LaunchRequest& launch : *launches) {
      Result<forecast::Forecast> forecast = forecast::Make(launch.request);
      if (!forecast) return tl::make_unexpected(forecast.error());
      all.push_back({std::move(launch), std::move(*forecast)});
    }
    return all;
  }

  static void PrintJson(const std::vector<OneForecast>& all, const OneForecast& decisive,
                        const std::vector<std::string>& notes, Output& output) {
    nlohmann::json object = forecast::ToJson(decisive.forecast);
    for (const std::string& note : notes) object["warnings"].push_back(note);
    if (decisive.launch) {
      object["launches"] = nlohmann::json::array();
      for (const OneForecast& one : all) {
        object["launches"].push_back({{"line", one.launch->line},
                                      {"program", one.launch->program},
                                      {"notes", one.launch->notes},
                                      {"forecast", forecast::ToJson(one.forecast)}});
      }
    }
    output.out() << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  }

  void Print(const std::vector<OneForecast>& all, const OneForecast& decisive,
             const forecast::Request& base, const std::vector<std::string>& notes,
             Output& output) const {
    Document document;
    const std::string card = CardName(base);
    if (all.size() > 1) {
      document.Add(Title{"The launches, in their order"});
      Table table;
      table.header = {"line", "what", "at most", "fits"};
      table.right_aligned = {true, false, true, false};
      for (const OneForecast& one : all) {
        const std::optional<bool> fits = one.forecast.fits;
        table.rows.push_back({std::to_string(one.launch->line), TitleOf(one.forecast),
                              Gib(one.forecast.device_interval.high),
                              !fits   ? "unknown"
                              : *fits ? "yes"
                                      : "no"});
      }
      document.Add(std::move(table));
    }
    std::string title = TitleOf(decisive.forecast);
    title.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(title.front())));
    document.Add(Title{std::move(title)});
    AddVerdict(decisive.forecast, card, &document);
    AddForecast(decisive.forecast, &document);
    AddNotes(notes, &document);
    if (decisive.launch) AddNotes(decisive.launch->notes, &document);
    if (explain_) AddExplanation(decisive.forecast, &document);
    output.Print(document);
  }

  NanochatOptions options_;
  ModelFlags model_;
  ForecastExport export_;
  bool json_ = false;
  bool explain_ = false;
  std::optional<Flag> calibrate_;
  std::vector<std::string> logs_;
  bool forget_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeForecastVerb() { return std::make_unique<ForecastVerb>(); }

}  // namespace vramcast::cli
