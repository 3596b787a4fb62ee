// `vramcast replay FILE`: proves itself on a recording, then plays it under other conditions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analysis/json.h"
#include "analysis/record.h"
#include "analysis/scale.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/flag_table.h"
#include "cli/recording_input.h"
#include "cli/replay_search.h"
#include "cli/verbs.h"
#include "gpu/card.h"
#include "snapshot/write.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

// CUDA context of a training process when nothing else is said: 520 MiB on an H100 (measured).
constexpr Bytes kContext = Bytes(520 << 20);

class ReplayVerb : public Verb {
 public:
  std::string_view name() const override { return "replay"; }
  std::string_view description() const override {
    return "the same program on another GPU or other allocator settings";
  }

  void Declare(FlagTable& app) override {
    app.add_option("FILE", file_, "a snapshot or a trace file, - for standard input").Required();
    app.add_option("--gpu", gpu_, "play on this card: a name or a size (\"RTX 3090\", 24GiB)");
    app.add_option("--total", total_, "play on a device of this size, as PyTorch reports it");
    app.add_option("--other-processes", other_,
                   "bytes of the device that PyTorch's allocator cannot have: other processes and "
                   "CUDA contexts (default with --gpu or --total: 520MiB for the context)");
    conf_option_ = app.add_option("--alloc-conf", conf_,
                                  "PYTORCH_CUDA_ALLOC_CONF to play under (\"\" for the defaults)");
    app.add_option("--torch", torch_, "the version of PyTorch to play under");
    app.add_option("--scale-batch", scale_, "the batch times this (needs --with)");
    app.add_option("--with", with_,
                   "a snapshot of the same program at another batch size, to find what grows");
    app.add_flag("--search", search_, "try allocator settings and rank them by outcome");
    app.add_option("--write-snapshot", write_,
                   "write the replay as a snapshot that pytorch.org/memory_viz opens");
    app.add_flag("--json", json_, "print JSON only");
    app.add_flag("--explain", explain_, "say where each number comes from");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (!command.empty()) return UsageError("replay takes a file, not a command");
    std::optional<TorchVersion> torch;
    if (!torch_.empty()) {
      const auto parsed = ParseTorchVersion(torch_);
      if (!parsed) return tl::make_unexpected(parsed.error());
      torch = *parsed;
    }
    if (auto status = ReadDevice(); !status) return tl::make_unexpected(status.error());
    if (scale_ && (!(*scale_ > 0) || *scale_ > 1e6)) {
      return UsageError("--scale-batch takes a number above 0");
    }
    if (scale_ && with_.empty()) {
      return UsageError(
          "--scale-batch needs --with OTHER, a snapshot of the same program at another batch size: "
          "this one alone does not show which allocations grow with the batch");
    }
    auto loaded = LoadRecording(file_, {});
    if (!loaded) return tl::make_unexpected(loaded.error());
    settings_ = loaded->settings;
    if (torch || conf_option_->Given()) {
      const TorchVersion version = torch.value_or(settings_.torch);
      const std::string conf = conf_option_->Given() ? conf_ : FormatAllocConf(loaded->settings);
      auto parsed = ParseAllocConf(conf, version);
      if (!parsed) return tl::make_unexpected(parsed.error());
      if (!torch) parsed->tie_rule = loaded->settings.tie_rule;
      settings_ = *parsed;
    }
    what_if_ = spec_.total.has_value() || torch || conf_option_->Given() || scale_ || search_;
    if (!with_.empty()) {
      auto second = LoadRecording(with_, {});
      if (!second) return tl::make_unexpected(second.error());
      second_ = std::move(*second);
    }
    for (size_t d = 0; d < loaded->proofs.size(); ++d) PlayDevice(*loaded, d);
    if (auto status = WriteSnapshotFile(*loaded); !status) {
      return tl::make_unexpected(status.error());
    }
    if (json_) {
      PrintJson(*loaded, output);
    } else {
      Print(*loaded, output);
    }
    bool died = false;
    for (size_t d = 0; d < loaded->proofs.size(); ++d) {
      died = died || (what_if_ ? runs_[d].run.oom.has_value() : loaded->proofs[d].ooms > 0);
    }
    return died ? Exit::kBadNews : Exit::kYes;
  }

 private:
  struct DeviceRun {
    vramcast::Run run;
    bool relaid = false;
    std::optional<ScaledProgram> scaled;  // its trace is moved away
    std::vector<Candidate> candidates;
  };

  Status ReadDevice() {
    if (!gpu_.empty() && !total_.empty()) return UsageError("--gpu and --total exclude each other");
    if (!gpu_.empty()) {
      const auto match = gpu::FindCard(gpu_);
      if (!match) return tl::make_unexpected(match.error());
      spec_.total = match->card.total;
      card_ = match->card.name;
    } else if (!total_.empty()) {
      const auto total = ParseBytes(total_);
      if (!total) return tl::make_unexpected(total.error());
      spec_.total = *total;
    }
    if (!other_.empty()) {
      const auto other = ParseBytes(other_);
      if (!other) return tl::make_unexpected(other.error());
      if (!spec_.total) return UsageError("--other-processes needs --gpu or --total");
      spec_.other_processes = *other;
    } else if (spec_.total) {
      spec_.context = kContext;
    }
    return {};
  }

  void PlayDevice(const LoadedRecording& loaded, size_t d) {
    DeviceRun result;
    if (!what_if_) {
      result.run = loaded.proofs[d].run;
      runs_.push_back(std::move(result));
      return;
    }
    const DeviceRecording& device = loaded.recording->devices[d];
    Program program = ProgramOf(device, loaded.proofs[d], loaded.settings, settings_);
    if (scale_) {
      ScaledProgram scaled =
          ScaleBatch(program.trace, *loaded.recording, *second_->recording, d, *scale_);
      program.trace = std::move(scaled.trace);
      result.scaled = std::move(scaled);
    }
    DeviceSpec spec = spec_;
    spec.address_order = program.address_order;
    if (search_) {
      result.candidates =
          SearchSettings(device, loaded.proofs[d], loaded.settings, settings_, spec);
    }
    result.relaid = program.relaid;
    if (write_.empty()) {
      result.run = Play(program.trace, settings_, spec);
    } else {
      Replay replay = Record(program.trace, settings_, spec);
      result.run = std::move(replay.run);
      written_.push_back(std::move(replay.recording));
    }
    runs_.push_back(std::move(result));
  }

  Status WriteSnapshotFile(LoadedRecording& loaded) {
    if (write_.empty()) return {};
    if (!what_if_) return WriteFile(write_, snapshot::WriteSnapshot(*loaded.recording));
    // The recording's strings and stacks with the replay's devices.
    std::swap(loaded.recording->devices, written_);
    RecordedSettings recorded;
    recorded.conf = FormatAllocConf(settings_);
    recorded.max_split_size = settings_.max_split_size;
    recorded.expandable_segments = settings_.expandable_segments;
    recorded.garbage_collection_threshold = settings_.garbage_collection_threshold;
    recorded.roundup_power2_divisions = settings_.roundup_power2_divisions;
    std::optional<RecordedSettings> settings = std::move(recorded);
    std::swap(loaded.recording->settings, settings);
    const Status status = WriteFile(write_, snapshot::WriteSnapshot(*loaded.recording));
    std::swap(loaded.recording->settings, settings);
    std::swap(loaded.recording->devices, written_);
    return status;
  }

  std::string Conditions() const {
    std::string text = "PyTorch " + FormatTorchVersion(settings_.torch);
    const std::string conf = FormatAllocConf(settings_);
    text += conf.empty() ? ", default settings" : ", " + conf;
    if (spec_.total) {
      text += fmt::format(", a device of {}{}", FormatBytes(*spec_.total),
                          card_.empty() ? "" : " (" + card_ + ")");
      text += fmt::format(", {} of it not for PyTorch",
                          FormatBytes(spec_.other_processes + spec_.context));
    }
    if (scale_) text += fmt::format(", the batch times {}", *scale_);
    return text;
  }

  void Print(const LoadedRecording& loaded, Output& output) const;
  void PrintJson(const LoadedRecording& loaded, Output& output) const;

  std::string file_, gpu_, total_, other_, conf_, torch_, with_, write_, card_;
  std::optional<double> scale_;
  std::optional<Flag> conf_option_;
  bool search_ = false, json_ = false, explain_ = false, what_if_ = false;
  DeviceSpec spec_;
  AllocatorSettings settings_;
  std::optional<LoadedRecording> second_;
  std::vector<DeviceRun> runs_;  // by device
  std::vector<DeviceRecording> written_;
};

void ReplayVerb::Print(const LoadedRecording& loaded, Output& output) const {
  Document document;
  document.Add(Title{file_});
  for (size_t d = 0; d < runs_.size(); ++d) {
    const Proof& proof = loaded.proofs[d];
    const Reconstruction& start = loaded.starts[d];
    const DeviceRecording& device = loaded.recording->devices[d];
    if (device.trace.events.empty() && device.segments.empty()) continue;
    document.Add(Title{fmt::format("GPU {}: the model against the recording", d)});
    if (start.blocks > 0) {
      document.Add(Paragraph{fmt::format(
          "The recording begins in the middle of the program, with {} in {} blocks. That state was "
          "reconstructed from its end ({} unsplit tails inferred, {} blocks in no known segment).",
          FormatBytes(start.allocated), WithThousands(start.blocks), start.inferred_slack,
          start.unplaced)});
    }
    document.Add(Paragraph{
        fmt::format("Addresses claimed before looking: {} of {} right. Segments: {} of {}. Blocks "
                    "at the end: {} of {} equal.",
                    WithThousands(proof.at_recorded_address), WithThousands(proof.predicted),
                    WithThousands(proof.segments_predicted), WithThousands(proof.segments),
                    WithThousands(proof.final_blocks_equal), WithThousands(proof.final_blocks)),
        proof.exact() ? Tone::kGood : Tone::kWarning});
    if (proof.late_slack > 0) {
      document.Add(Paragraph{fmt::format(
          "{} allocations were not claimed: they are the first to show how large a block is that "
          "was there before the recording.",
          proof.late_slack)});
    }
    const uint32_t unclaimed = proof.allocations - proof.predicted - proof.late_slack;
    if (unclaimed > 0) {
      document.Add(Paragraph{
          fmt::format("{} allocations lie in memory that the recording says nothing about: nothing "
                      "could be claimed for them.",
                      WithThousands(unclaimed)),
          Tone::kWarning});
    }
    const auto peaks = [](const vramcast::Run& run) {
      return fmt::format("peak {} allocated, {} reserved, {} retries, {} device allocations",
                         FormatBytes(run.peak.allocated), FormatBytes(run.peak.reserved),
                         run.statistics.num_alloc_retries, run.statistics.num_device_alloc);
    };
    document.Add(
        Paragraph{"Recorded: " + peaks(proof.run) + (proof.ooms > 0 ? "; memory ran out." : ".")});
    if (!what_if_) continue;
    const DeviceRun& result = runs_[d];
    document.Add(Title{"What if: " + Conditions()});
    if (result.run.oom) {
      const OutOfMemory& oom = *result.run.oom;
      document.Add(Paragraph{
          fmt::format("It dies at event {}: {} asked for, {} allocated, {} reserved, largest free "
                      "block {}.",
                      WithThousands(oom.event), FormatBytes(oom.requested),
                      FormatBytes(oom.allocated), FormatBytes(oom.reserved),
                      FormatBytes(oom.largest_free_block)),
          Tone::kBad});
    } else {
      document.Add(Paragraph{"It lives.", Tone::kGood});
    }
    document.Add(Paragraph{"Then: " + peaks(result.run) + "."});
    if (result.relaid) {
      document.Add(Paragraph{
          "What was there before the recording was laid out anew in order of address; how the "
          "program really built it up is not known.",
          Tone::kWarning});
    }
    if (result.scaled) {
      document.Add(Paragraph{fmt::format(
          "The other recording's batch is {:.3f} times this one's. {:.1f} % of all bytes asked for "
          "were found in both, {:.1f} % depend on the batch.",
          result.scaled->batch_ratio, 100 * result.scaled->matched_share,
          100 * result.scaled->scaled_share)});
    }
    if (!result.candidates.empty()) {
      Table table;
      table.header = {"outcome", "reserved", "allocated", "retries", "settings"};
      table.right_aligned = {false, true, true, true, false};
      for (const Candidate& candidate : result.candidates) {
        table.rows.push_back({candidate.run.oom ? "dies" : "lives",
                              FormatBytes(candidate.run.peak.reserved),
                              FormatBytes(candidate.run.peak.allocated),
                              std::to_string(candidate.run.statistics.num_alloc_retries),
                              candidate.conf.empty() ? "(default)" : candidate.conf});
      }
      document.Add(table);
    }
  }
  if (explain_) {
    document.Add(Title{"Where the numbers come from"});
    document.Add(Bullet{
        "Only sizes, streams and frees of the recording are used; every address and segment is the "
        "model's own. A program that would react (retry after running out, choose another "
        "algorithm for lack of memory) is played as it ran."});
    document.Add(Bullet{"Device memory is charged in pages of 2 MiB."});
  }
  output.Print(document);
}

void ReplayVerb::PrintJson(const LoadedRecording& loaded, Output& output) const {
  const auto run_json = [](const vramcast::Run& run) {
    return json{{"lived", !run.oom.has_value()},
                {"oom", run.oom ? ToJson(*run.oom) : json(nullptr)},
                {"peak_allocated_bytes", run.peak.allocated.count()},
                {"peak_reserved_bytes", run.peak.reserved.count()},
                {"allocated_bytes", run.allocated_at_end.count()},
                {"reserved_bytes", run.reserved_at_end.count()},
                {"num_alloc_retries", run.statistics.num_alloc_retries},
                {"num_device_alloc", run.statistics.num_device_alloc},
                {"num_device_free", run.statistics.num_device_free}};
  };
  json object = {{"schema", "vramcast.replay"},
                 {"version", 1},
                 {"file", file_},
                 {"what_if", what_if_},
                 {"settings", ToJson(settings_)},
                 {"recorded_settings", ToJson(loaded.settings)},
                 {"total_bytes", spec_.total ? json(spec_.total->count()) : json(nullptr)},
                 {"other_bytes", (spec_.other_processes + spec_.context).count()},
                 {"devices", json::array()}};
  for (size_t d = 0; d < runs_.size(); ++d) {
    const Proof& proof = loaded.proofs[d];
    json device = ToJson(proof);
    device["device"] = d;
    device.update(run_json(runs_[d].run));
    device["statistics"] = ToJson(runs_[d].run.statistics);
    device["recorded"] = run_json(proof.run);
    device["start_blocks"] = loaded.starts[d].blocks;
    device["start_inferred_slack"] = loaded.starts[d].inferred_slack;
    device["relaid"] = runs_[d].relaid;
    if (runs_[d].scaled) {
      device["scale_batch"] = {{"factor", *scale_},
                               {"other_batch_ratio", runs_[d].scaled->batch_ratio},
                               {"matched_share", runs_[d].scaled->matched_share},
                               {"scaled_share", runs_[d].scaled->scaled_share}};
    }
    if (search_) {
      device["search"] = json::array();
      for (const Candidate& candidate : runs_[d].candidates) {
        json row = run_json(candidate.run);
        row["alloc_conf"] = candidate.conf;
        device["search"].push_back(std::move(row));
      }
    }
    object["devices"].push_back(std::move(device));
  }
  output.out() << object.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace

std::unique_ptr<Verb> MakeReplayVerb() { return std::make_unique<ReplayVerb>(); }

}  // namespace vramcast::cli
