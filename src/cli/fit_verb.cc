// `vramcast fit`: the largest device batch size that fits in every phase, as a command.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "base/text.h"
#include "cli/code_changes.h"
#include "cli/dryrun_batch.h"
#include "cli/fit_command.h"
#include "cli/fit_sweep.h"
#include "cli/fit_table.h"
#include "cli/flag_table.h"
#include "cli/forecast_text.h"
#include "cli/launch_requests.h"
#include "cli/nanochat_options.h"
#include "cli/verbs.h"
#include "forecast/json.h"
#include "gpu/machine.h"
#include "nanochat/revision.h"

namespace vramcast::cli {
namespace {

constexpr const char* kAssumedCard = "NVIDIA H100 80GB HBM3";
constexpr int64_t kUsualDepth = 20;  // nanochat's own default

class FitVerb : public Verb {
 public:
  std::string_view name() const override { return "fit"; }
  std::string_view description() const override {
    return "the largest batch size that fits, with its command";
  }

  void Declare(FlagTable& flags) override {
    options_.Declare(flags);
    flags.Switch("--table", table_, "the largest batch size by depth and memory of the card");
    flags.Switch("--exact", exact_,
                 "run the command on a device that counts memory until the largest is certain");
    flags.Value("--depths", depths_, "of the table: 4..40, 12,16,20 or 4..40:4");
    flags.Value("--batches", batches_,
                "instead of the largest, the forecast of each batch size: 1,2,4..16");
    flags.Value("--gpus", gpus_, "of the table: all that are known, or names with commas");
    flags.Switch("--csv", csv_, "the forecasts of --batches as CSV");
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", explain_, "each term, where each input comes from, rules of thumb");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    std::vector<std::string> notes;
    Result<forecast::Request> request = options_.Request(&notes);
    if (!request) return tl::make_unexpected(request.error());
    if (!command.empty()) {
      Result<std::vector<LaunchRequest>> launches = RequestsOf(command, options_, *request);
      if (!launches) return tl::make_unexpected(launches.error());
      if (launches->size() > 1) {
        notes.push_back(
            "the command starts several programs: this is about the first; vramcast "
            "fix goes through all");
      }
      *request = std::move(launches->front().request);
      notes.insert(notes.end(), launches->front().notes.begin(), launches->front().notes.end());
    }
    if (table_) return RunTable(*request, output);
    if (sweeps()) return UsageError("--depths, --batches, --gpus and --csv belong to --table");
    if (!request->card) TakeCard(&*request, &notes);
    Result<nanochat::Revision> revision = RevisionOf(*request);
    if (!revision) return tl::make_unexpected(revision.error());
    Result<forecast::Fit> fit = forecast::FindBatch(*request);
    if (!fit) return tl::make_unexpected(fit.error());
    fit->notes.insert(fit->notes.end(), notes.begin(), notes.end());
    std::optional<dryrun::LargestBatch> exact;
    if (exact_) {
      auto found = FindExactly(*fit, *request, *revision, options_.checkout(), output);
      if (!found) return tl::make_unexpected(found.error());
      exact = std::move(*found);
      if (exact->interrupted) return Stopped(*exact, output);
      if (Status status = TakeExact(*exact, *request, &*fit); !status) {
        return tl::make_unexpected(status.error());
      }
    }
    const std::string found = fit->device_batch_size ? CommandOf(*fit, *revision) : "";
    const std::string joined = JoinedCommand(*fit, *revision);
    // Where nothing fits, they stand among the alternatives.
    std::vector<forecast::CodeRemedy> code_changes;
    if (fit->device_batch_size) {
      forecast::Request best = *request;
      best.flags = fit->flags;
      code_changes = forecast::CodeRemedies(best);
    }
    if (json_) {
      nlohmann::json object = forecast::ToJson(*fit);
      object["code_changes"] = forecast::ToJson(code_changes);
      if (exact) object["exact"] = {{"candidates", TrialsJson(*exact)}};
      object["command"] = found.empty() ? nlohmann::json(nullptr) : nlohmann::json(found);
      object["with_expandable_segments"] = JoinedJson(*fit, joined);
      output.out() << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    } else {
      Print(*fit, exact, found, joined, *request, code_changes, output);
    }
    return fit->device_batch_size ? Exit::kYes : Exit::kBadNews;
  }

 private:
  // The environment variable is the one that every PyTorch reads.
  static std::string JoinedCommand(const forecast::Fit& fit, const nanochat::Revision& revision) {
    if (!fit.with_expandable_segments) return "";
    forecast::Fit joined = fit;
    joined.flags.device_batch_size = fit.with_expandable_segments->device_batch_size;
    return "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True " + CommandOf(joined, revision);
  }

  static nlohmann::json JoinedJson(const forecast::Fit& fit, const std::string& command) {
    const auto& one = fit.with_expandable_segments;
    if (!one) return nullptr;
    return {{"device_batch_size", one->device_batch_size},
            {"grad_accum_steps", one->grad_accum_steps},
            {"device_high_bytes", one->device_high.count()},
            {"command", command}};
  }

  static Result<nanochat::Revision> RevisionOf(const forecast::Request& request) {
    if (request.revision) return *request.revision;
    if (request.flags.revision) return nanochat::FindRevision(*request.flags.revision);
    return nanochat::HeadRevision();
  }

  // This machine's smallest GPU, else the card that nanochat is made for.
  static void TakeCard(forecast::Request* request, std::vector<std::string>* notes) {
    const auto machine = gpu::Gather(gpu::Source::kAuto);
    const auto device = machine ? gpu::SmallestDevice(*machine) : std::nullopt;
    if (device) {
      request->card = gpu::CardForDriver(device->name, std::nullopt);
      request->total = device->total;
      if (request->other_processes == Bytes(0) && device->other) {
        request->other_processes = *device->other;
      }
      if (request->card) {
        notes->push_back("the card is this machine's: " + device->name);
        return;
      }
    }
    if (auto card = gpu::FindCard(kAssumedCard)) request->card = card->card;
    notes->push_back(fmt::format("no GPU was named: {} was assumed", kAssumedCard));
  }

  bool sweeps() const { return !depths_.empty() || !batches_.empty() || !gpus_.empty() || csv_; }

  Result<Exit> RunTable(const forecast::Request& request, Output& output) const {
    if (csv_ && batches_.empty()) {
      return UsageError("--csv prints one forecast a line: say which with --batches");
    }
    if (csv_ && json_) return UsageError("--csv and --json are two forms of the same answer");
    SweepAxes axes;
    if (!depths_.empty()) {
      auto depths = ParseNumbers(depths_, "depths");
      if (!depths) return tl::make_unexpected(depths.error());
      axes.depths = std::move(*depths);
    }
    if (!gpus_.empty()) {
      auto cards = ParseCards(gpus_);
      if (!cards) return tl::make_unexpected(cards.error());
      axes.cards = std::move(*cards);
    }
    if (!batches_.empty()) {
      auto batches = ParseNumbers(batches_, "batches");
      if (!batches) return tl::make_unexpected(batches.error());
      axes.batches = std::move(*batches);
      if (axes.depths.empty()) axes.depths = {request.flags.depth.value_or(kUsualDepth)};
      if (axes.cards.empty() && request.card) axes.cards = {*request.card};
      if (axes.cards.empty()) {
        auto card = ParseCards(kAssumedCard);
        if (!card) return tl::make_unexpected(card.error());
        axes.cards = std::move(*card);
      }
      const SweepForm form = json_ ? SweepForm::kJson : csv_ ? SweepForm::kCsv : SweepForm::kText;
      return PrintSweep(request, axes, form, output);
    }
    const Result<FitTable> table = MakeFitTable(request, axes.depths, axes.cards);
    if (!table) return tl::make_unexpected(table.error());
    if (json_) {
      output.out() << ToJson(*table).dump(2) << '\n';
    } else {
      Document document;
      AddTable(*table, &document);
      output.Print(document);
    }
    return Exit::kYes;
  }

  // No answer, since the forecast was not wanted and the exact one is not known.
  Result<Exit> Stopped(const dryrun::LargestBatch& exact, Output& output) const {
    if (json_) {
      output.out() << nlohmann::json{{"schema", "vramcast.fit"},
                                     {"version", 1},
                                     {"device_batch_size", nullptr},
                                     {"command", nullptr},
                                     {"interrupted", true},
                                     {"exact", {{"candidates", TrialsJson(exact)}}}}
                          .dump(2)
                   << '\n';
    } else {
      Document document;
      AddTrials(exact, &document);
      document.Add(StoppedSearch());
      output.Print(document);
    }
    return kInterrupted;
  }

  // What running it showed, in place of what was forecast.
  static Status TakeExact(const dryrun::LargestBatch& exact, const forecast::Request& request,
                          forecast::Fit* fit) {
    fit->device_batch_size.reset();
    if (exact.batch == 0) return {};
    fit->device_batch_size = exact.batch;
    fit->flags.device_batch_size = exact.batch;
    forecast::Request again = request;
    again.flags = fit->flags;
    auto forecast = forecast::Make(again);
    if (!forecast) return tl::make_unexpected(forecast.error());
    fit->forecast = std::move(*forecast);
    fit->grad_accum_steps = fit->forecast.grad_accum_steps;
    const Phase peak = fit->forecast.peak_phase;
    if (!fit->forecast.fits.value_or(true) &&
        (peak == Phase::kEvaluation || peak == Phase::kCoreMetric || peak == Phase::kSampling ||
         peak == Phase::kSave)) {
      fit->notes.push_back(
          fmt::format("training was run, the phase \"{}\" was not: by its forecast it may need up "
                      "to {}, more than the card has",
                      PhaseTitle(peak), Gib(fit->forecast.device_interval.high)));
    }
    return {};
  }

  void Print(const forecast::Fit& fit, const std::optional<dryrun::LargestBatch>& exact,
             const std::string& found, const std::string& joined, const forecast::Request& request,
             const std::vector<forecast::CodeRemedy>& code_changes, Output& output) const {
    Document document;
    const std::string card = request.card ? request.card->name : "the card";
    if (fit.device_batch_size) {
      document.Add(Title{fmt::format("--device-batch-size={} is the largest that fits on {}",
                                     *fit.device_batch_size, card)});
      document.Add(Code{found});
      std::string how = fmt::format(
          "At most {} of {} are needed, in the phase: {}.", Gib(fit.forecast.device_interval.high),
          Gib(fit.forecast.capacity.value_or(Bytes(0))), PhaseTitle(fit.forecast.peak_phase));
      if (fit.total_batch_size) {
        how += fmt::format(
            " The total batch size stays {} tokens: {} gradient accumulation "
            "step{}.",
            WithThousands(*fit.total_batch_size), fit.grad_accum_steps,
            fit.grad_accum_steps == 1 ? "" : "s");
      }
      document.Add(Paragraph{how, Tone::kGood});
    } else {
      document.Add(Title{fmt::format("Nothing fits on {}", card)});
      AddVerdict(fit.forecast, card, &document);
    }
    if (fit.with_expandable_segments) {
      document.Add(Paragraph{fmt::format(
          "With expandable segments, which are off here, --device-batch-size={} fits (at most {}):",
          fit.with_expandable_segments->device_batch_size,
          Gib(fit.with_expandable_segments->device_high))});
      document.Add(Code{joined});
    }
    if (exact) {
      document.Add(Title{"As running it showed"});
      AddTrials(*exact, &document);
      document.Add(Title{"As forecast"});
    }
    AddCandidates(fit, &document);
    AddAlternatives(fit, &document);
    AddCodeChanges(code_changes, &document);
    for (const std::string& note : fit.notes) document.Add(Bullet{note + "."});
    for (const std::string& warning : fit.forecast.warnings) {
      document.Add(Bullet{warning + ".", Tone::kWarning});
    }
    if (explain_) AddExplanation(fit.forecast, &document);
    output.Print(document);
  }

  static void AddCandidates(const forecast::Fit& fit, Document* document) {
    vramcast::Table table;
    table.header = {"batch", "accumulation", "allocated", "at most", "peak in", "fits"};
    table.right_aligned = {true, true, true, true, false, false};
    for (const forecast::Candidate& one : fit.candidates) {
      table.rows.push_back({std::to_string(one.device_batch_size),
                            std::to_string(one.grad_accum_steps), Gib(one.peak_allocated),
                            Gib(one.device_high), std::string(PhaseTitle(one.phase)),
                            one.fits ? "yes" : "no"});
    }
    document->Add(std::move(table));
  }

  static void AddAlternatives(const forecast::Fit& fit, Document* document) {
    if (fit.alternatives.empty()) return;
    document->Add(Title{"What would fit"});
    vramcast::Table table;
    table.header = {"at most", "fits", "instead"};
    table.right_aligned = {true, false, false};
    for (const forecast::Alternative& one : fit.alternatives) {
      table.rows.push_back(
          {Gib(one.forecast.device_interval.high), one.forecast.fits.value_or(false) ? "yes" : "no",
           !one.patch.empty()
               ? fmt::format("vramcast fix --patch {}{}", one.patch, UpTo(one.largest_batch))
           : one.needs_code_change ? one.description + ": nanochat lacks it, a change of its code"
                                   : one.description});
    }
    document->Add(std::move(table));
  }

  NanochatOptions options_;
  bool table_ = false;
  std::string depths_, batches_, gpus_;
  bool csv_ = false;
  bool json_ = false;
  bool explain_ = false;
  bool exact_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeFitVerb() { return std::make_unique<FitVerb>(); }

}  // namespace vramcast::cli
