// `vramcast replay FILE`: proves itself on a recording, then plays it under other conditions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "analysis/record.h"
#include "analysis/whatif.h"
#include "base/text.h"
#include "cli/files.h"
#include "cli/flag_table.h"
#include "cli/recording_input.h"
#include "cli/replay_view.h"
#include "cli/verbs.h"
#include "command/quote.h"
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

  void Declare(FlagTable& flags) override {
    flags.Value("FILE", view_.file, "a snapshot or a trace file, - for standard input").Required();
    flags.Value("--gpu", gpu_, "play on this card: a name or a size (\"RTX 3090\", 24GiB)");
    flags.Value("--total", total_, "play on a device of this size, as PyTorch reports it");
    flags.Value("--other-processes", other_,
                "bytes of the device that PyTorch's allocator cannot have: other processes and "
                "CUDA contexts (default with --gpu or --total: 520MiB for the context)");
    conf_option_ = flags.Value("--alloc-conf", conf_,
                               "PYTORCH_CUDA_ALLOC_CONF to play under (\"\" for the defaults)");
    flags.Value("--torch", torch_, "the version of PyTorch to play under");
    flags.Value("--scale-batch", scale_, "the batch times this: 0.75 or 3/4 (needs --with)");
    flags.Value("--with", with_,
                "a snapshot of the same program at another batch size, to find what grows");
    flags.Switch("--search", view_.search, "try allocator settings and rank them by outcome");
    flags.Value("--write-snapshot", write_,
                "write the replay as a snapshot that pytorch.org/memory_viz opens");
    flags.Switch("--json", json_, "print JSON only");
    flags.Switch("--explain", view_.explain, "say where each number comes from");
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
    if (auto status = ReadScale(); !status) return tl::make_unexpected(status.error());
    auto loaded = LoadRecording(view_.file, {});
    if (!loaded) return tl::make_unexpected(loaded.error());
    view_.settings = loaded->settings;
    if (torch || conf_option_->Given()) {
      const TorchVersion version = torch.value_or(view_.settings.torch);
      const std::string conf = conf_option_->Given() ? conf_ : FormatAllocConf(loaded->settings);
      auto parsed = ParseAllocConf(conf, version);
      if (!parsed) return tl::make_unexpected(parsed.error());
      if (!torch) parsed->tie_rule = loaded->settings.tie_rule;
      view_.settings = *parsed;
    }
    if (view_.settings.cuda_malloc_async) {
      return UsageError(
          "backend:cudaMallocAsync is the driver's allocator, which PyTorch's settings do not "
          "reach: what it would do cannot be played");
    }
    view_.asked = Asked();
    view_.what_if = view_.spec.total.has_value() || torch || conf_option_->Given() || view_.scale ||
                    view_.search;
    if (!with_.empty()) {
      auto second = LoadRecording(with_, {});
      if (!second) return tl::make_unexpected(second.error());
      second_ = std::move(*second);
    }
    for (size_t d = 0; d < loaded->proofs.size(); ++d) {
      if (auto status = PlayDevice(*loaded, d); !status) {
        return tl::make_unexpected(status.error());
      }
    }
    if (auto status = WriteSnapshotFile(*loaded); !status) {
      return tl::make_unexpected(status.error());
    }
    if (json_) {
      output.out() << ReplayJson(*loaded, view_).dump(2, ' ', false, json::error_handler_t::replace)
                   << '\n';
    } else {
      output.Print(ReplayDocument(*loaded, view_));
    }
    bool died = false;
    for (size_t d = 0; d < loaded->proofs.size(); ++d) {
      died =
          died || (view_.what_if ? view_.runs[d].run.oom.has_value() : loaded->proofs[d].ooms > 0);
    }
    return died ? Exit::kBadNews : Exit::kYes;
  }

 private:
  // As it was given, but for the settings, which a search tries itself.
  std::string Asked() const {
    const std::pair<const char*, const std::string*> flags[] = {
        {"--gpu", &gpu_},     {"--total", &total_},       {"--other-processes", &other_},
        {"--torch", &torch_}, {"--scale-batch", &scale_}, {"--with", &with_}};
    std::string text;
    for (const auto& [flag, value] : flags) {
      if (!value->empty()) text += fmt::format(" {} {}", flag, command::Quote(*value));
    }
    return text;
  }

  Status ReadDevice() {
    if (!gpu_.empty() && !total_.empty()) return UsageError("--gpu and --total exclude each other");
    if (!gpu_.empty()) {
      const auto match = gpu::FindCard(gpu_);
      if (!match) return tl::make_unexpected(match.error());
      view_.spec.total = match->card.total;
      view_.card = match->card.name;
    } else if (!total_.empty()) {
      const auto total = ParseBytes(total_);
      if (!total) return tl::make_unexpected(total.error());
      if (*total <= Bytes(0)) return UsageError("--total takes a size above 0, not " + total_);
      view_.spec.total = *total;
    }
    if (!other_.empty()) {
      const auto other = ParseBytes(other_);
      if (!other) return tl::make_unexpected(other.error());
      if (!view_.spec.total) return UsageError("--other-processes needs --gpu or --total");
      view_.spec.other_processes = *other;
    } else if (view_.spec.total) {
      view_.spec.context = kContext;
    }
    return {};
  }

  // "0.75" or "3/4".
  Status ReadScale() {
    if (scale_.empty()) {
      return with_.empty() ? Status{} : UsageError("--with OTHER goes with --scale-batch FACTOR");
    }
    const size_t slash = scale_.find('/');
    const auto number = ParseDouble(std::string_view(scale_).substr(0, slash));
    const auto divisor = slash == std::string::npos
                             ? std::optional<double>(1)
                             : ParseDouble(std::string_view(scale_).substr(slash + 1));
    const double factor = number && divisor ? *number / *divisor : 0;
    if (!(factor > 0) || factor > 1e6) {
      return UsageError("--scale-batch takes a number above 0, as 0.75 or 3/4, not " + scale_);
    }
    view_.scale = factor;
    if (!with_.empty()) return {};
    return UsageError(
        "--scale-batch needs --with OTHER, a snapshot of the same program at another batch size: "
        "this one alone does not show which allocations grow with the batch");
  }

  // What device `d` asked for, under other settings and at the batch that was asked for.
  Program ProgramFor(const LoadedRecording& loaded, size_t d, const AllocatorSettings& settings,
                     const DeviceSpec& spec, std::optional<double> factor,
                     std::optional<ScaledProgram>* scaled) const {
    Program program =
        ProgramOf(loaded.recording->devices[d], loaded.proofs[d], loaded.settings, settings, spec);
    if (factor) {
      *scaled = ScaleBatch(program.trace, *loaded.recording, *second_->recording, d, *factor);
      program.trace = std::move((*scaled)->trace);
    }
    return program;
  }

  // The other recording as it is predicted from this one; nothing if that one died.
  std::optional<ScaleCheck> Check(const LoadedRecording& loaded, size_t d, double ratio) const {
    if (d >= second_->proofs.size() || second_->proofs[d].ooms > 0) return std::nullopt;
    std::optional<ScaledProgram> scaled;
    const Program program = ProgramFor(loaded, d, second_->settings, {}, ratio, &scaled);
    return ScaleCheck{PlayOn(program, second_->settings, {}).peak, second_->proofs[d].run.peak};
  }

  Status PlayDevice(const LoadedRecording& loaded, size_t d) {
    DeviceRun result;
    if (!view_.what_if) {
      result.run = loaded.proofs[d].run;
      view_.runs.push_back(std::move(result));
      return {};
    }
    const Program program =
        ProgramFor(loaded, d, view_.settings, view_.spec, view_.scale, &result.scaled);
    if (result.scaled && result.scaled->batch_ratio == 1 &&
        !loaded.recording->devices[d].trace.events.empty()) {
      return UsageError(with_ + ": no allocation differs in size from " + view_.file +
                        ", so nothing shows what grows with the batch");
    }
    if (result.scaled) result.check = Check(loaded, d, result.scaled->batch_ratio);
    if (view_.search) {
      result.candidates = SearchSettings(view_.settings, [&](const AllocatorSettings& settings) {
        std::optional<ScaledProgram> scaled;
        const Program tried = ProgramFor(loaded, d, settings, view_.spec, view_.scale, &scaled);
        return PlayOn(tried, settings, view_.spec);
      });
    }
    result.relaid = program.relaid;
    if (write_.empty()) {
      result.run = PlayOn(program, view_.settings, view_.spec);
    } else {
      DeviceSpec spec = view_.spec;
      spec.address_order = program.address_order;
      Replay replay = Record(program.trace, view_.settings, spec);
      CountFromRecording(program, &replay.run);
      result.run = std::move(replay.run);
      written_.push_back(std::move(replay.recording));
    }
    view_.runs.push_back(std::move(result));
    return {};
  }

  Status WriteSnapshotFile(LoadedRecording& loaded) {
    if (write_.empty()) return {};
    if (!view_.what_if) return WriteFile(write_, snapshot::WriteSnapshot(*loaded.recording));
    // The recording's strings and stacks with the replay's devices.
    std::swap(loaded.recording->devices, written_);
    std::optional<RecordedSettings> settings = AsRecorded(view_.settings);
    std::swap(loaded.recording->settings, settings);
    Generation generation = {{view_.settings.torch.major, view_.settings.torch.minor},
                             {view_.settings.torch.major, view_.settings.torch.minor}};
    std::swap(loaded.recording->generation, generation);
    const Status status = WriteFile(write_, snapshot::WriteSnapshot(*loaded.recording));
    std::swap(loaded.recording->generation, generation);
    std::swap(loaded.recording->settings, settings);
    std::swap(loaded.recording->devices, written_);
    return status;
  }

  std::string gpu_, total_, other_, conf_, torch_, with_, write_, scale_;
  std::optional<Flag> conf_option_;
  bool json_ = false;
  ReplayView view_;
  std::optional<LoadedRecording> second_;
  std::vector<DeviceRecording> written_;
};

}  // namespace

std::unique_ptr<Verb> MakeReplayVerb() { return std::make_unique<ReplayVerb>(); }

}  // namespace vramcast::cli
