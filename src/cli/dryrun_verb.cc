// `vramcast dryrun -- COMMAND`: runs the user's own program on a device that counts memory and
// computes nothing, and says what the real one would show.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "base/text.h"
#include "cli/dryrun_batch.h"
#include "cli/dryrun_composition.h"
#include "cli/files.h"
#include "cli/flag_table.h"
#include "cli/verbs.h"
#include "dryrun/bisect.h"
#include "dryrun/json.h"
#include "dryrun/session.h"
#include "gpu/card.h"
#include "trace/file.h"
#include "trace/phase.h"

namespace vramcast::cli {
namespace {

using dryrun::DryRun;
using dryrun::RankResult;

constexpr const char* kDefaultCard = "H100";
constexpr int kDefaultVocabulary = 32768;  // nanochat's since January 2026

std::string Exact(Bytes size) { return fmt::format("{:.2f} MiB", size.mib()); }

std::string PhaseLabel(const std::string& name) {
  const auto phase = PhaseFromName(name);
  return phase ? std::string(PhaseTitle(*phase)) : name;
}

void AddRank(const DryRun& run, const RankResult& rank, Document* document) {
  document->Add(Title{run.world_size > 1 ? fmt::format("Rank {} of {}", rank.rank, run.world_size)
                                         : std::string("Peak")});
  const std::string until = rank.phases.empty() ? "." : "; the peaks are those until then.";
  if (rank.oom) {
    document->Add(
        Paragraph{fmt::format("Out of memory in: {}.", PhaseLabel(rank.oom->phase)), Tone::kBad});
    document->Add(Code{rank.oom->message});
  } else if (rank.interrupted) {
    document->Add(Paragraph{"Stopped from outside" + until, Tone::kWarning});
  } else if (rank.exit_code > 128) {
    document->Add(
        Paragraph{fmt::format("The program was killed by signal {}{}", rank.exit_code - 128, until),
                  Tone::kWarning});
  } else if (rank.exit_code != 0) {
    document->Add(
        Paragraph{fmt::format("The program ended with exit code {}{}", rank.exit_code, until),
                  Tone::kWarning});
  }
  if (rank.phases.empty() && !rank.oom) {
    document->Add(Paragraph{"Nothing is known of its memory: it ended before its first step."});
  }
  if (rank.phases.empty()) return;
  Table peaks;
  peaks.right_aligned = {false, true};
  peaks.rows = {{"allocated (max_memory_allocated)", Exact(rank.peak_allocated)},
                {"reserved by PyTorch", Exact(rank.peak_reserved)},
                {"device, with CUDA context and NCCL (estimated)", Exact(rank.peak_device)},
                {"the card has", Exact(run.total)}};
  document->Add(std::move(peaks));
  Table phases;
  phases.header = {"phase", "allocated", "reserved"};
  phases.right_aligned = {false, true, true};
  for (const dryrun::PhasePeak& phase : rank.phases) {
    phases.rows.push_back({PhaseLabel(phase.name), Exact(phase.allocated), Exact(phase.reserved)});
  }
  document->Add(std::move(phases));
  if (rank.stable) {
    document->Add(Paragraph{fmt::format(
        "Stopped after {} optimizer steps: the peak no longer changed.", rank.steps.size())});
  }
  for (const std::string& name : rank.unknown_entry_points) {
    document->Add(Bullet{fmt::format("{} was called, which the device does not know: its result is "
                                     "left as it was",
                                     name),
                         Tone::kWarning});
  }
}

class DryrunVerb : public Verb {
 public:
  std::string_view name() const override { return "dryrun"; }
  std::string_view description() const override {
    return "runs your program with your PyTorch on a GPU that only counts memory";
  }

  void Declare(FlagTable& flags) override {
    flags.Value("--gpu", gpu_, "the card to play: h100, \"RTX 3090\", 24GB, 80GiB");
    flags.Value("--other-processes", other_, "what others hold on it: 2GiB");
    flags.Value("--world-size", world_size_, "ranks in all (otherwise as the launcher says)")
        .Positive();
    flags.Value("--rank", rank_, "the rank to run (0)").NonNegative();
    flags.Switch("--all-ranks", request_.all_ranks, "every rank, one after another");
    flags
        .Value("--stable-steps", request_.stable_steps,
               "stop after so many optimizer steps without a new peak (3)")
        .Positive();
    flags.Value("--least-steps", request_.least_steps, "but not before so many (4)").Positive();
    flags.Switch("--to-end", request_.to_end, "let the program run to its own end");
    flags.Switch("--keep", request_.keep,
                 "checkpoints and W&B files go where the program wants them");
    flags.Value("--attention", request_.attention,
                "whether Flash Attention 3 can be had: auto (on Hopper), fa3 or sdpa");
    flags.Switch("--no-helpers", no_helpers_,
                 "numbers read from the device are plainly zero (docs/dryrun.md)");
    flags.Switch("--no-linger", no_linger_, "buffers of finished collectives are dropped at once");
    flags.Value("--snapshot", request_.snapshot,
                "write PyTorch's memory snapshot here, for `vramcast snapshot`");
    flags.Value("--trace", trace_,
                "write vramcast's compact trace file here, for `vramcast snapshot` and `replay`");
    flags.Value("--top", top_, "lines of Python to show at the peak (10)").NonNegative();
    flags.Switch("--no-record", no_record_,
                 "do not record allocations: no lines of Python at the peak, less host memory");
    flags.Switch("--bisect-batch", bisect_,
                 "find the largest device batch size that lives on the card");
    flags.Value("--sample-data", sample_data_,
                "make nanochat's tokenizer and data, of made-up text, in this new folder");
    flags.Value("--vocab-size", vocabulary_, "of that tokenizer (32768)");
    flags.Switch("--json", json_,
                 "the answer as JSON; the program's output goes to standard error");
    flags.Switch("--explain", explain_, "what was assumed");
  }

  Result<Exit> Run(const std::vector<std::string>& command, Output& output) override {
    if (!sample_data_.empty()) return SampleData(command, output);
    if (command.empty()) {
      return UsageError(
          "which program? put its command after --, as in `vramcast dryrun --gpu h100 -- python "
          "train.py`");
    }
    if (request_.attention != "auto" && request_.attention != "fa3" &&
        request_.attention != "sdpa") {
      return UsageError(
          fmt::format("--attention takes auto, fa3 or sdpa, not {}", request_.attention));
    }
    const auto match = gpu::FindCard(gpu_);
    if (!match) return tl::make_unexpected(match.error());
    request_.card = match->card;
    if (!other_.empty()) {
      const auto other = ParseBytes(other_);
      if (!other) return tl::make_unexpected(other.error());
      request_.other_processes = *other;
    }
    if (world_size_ > 0) request_.world_size = world_size_;
    if (rank_ >= 0) request_.rank = rank_;
    request_.helpers = !no_helpers_;
    request_.linger = !no_linger_;
    request_.command = command;
    request_.output_to_error = json_;
    const auto progress = [&output](std::string_view line) { output.Note(line); };
    request_.record = (!no_record_ || !trace_.empty()) && !bisect_;
    if (bisect_) return Bisect(output);
    auto run = dryrun::Execute(request_, progress);
    if (!run) return tl::make_unexpected(run.error());
    run->notes.insert(run->notes.begin(), match->notes.begin(), match->notes.end());
    const bool written = WriteTraces(&*run) && HasSnapshots(&*run);
    std::vector<std::optional<Composition>> compositions;
    for (RankResult& rank : run->ranks) compositions.push_back(Compose(&rank));
    if (json_) {
      nlohmann::json answer = dryrun::ToJson(*run);
      for (size_t i = 0; i < compositions.size(); ++i) {
        if (compositions[i]) AddComposition(*compositions[i], top_, &answer["ranks"][i]);
      }
      output.out() << answer.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    } else {
      output.Print(Describe(*run, compositions));
    }
    const Exit exit = ExitOf(*run);
    return exit == Exit::kYes && !written ? Exit::kMachine : exit;
  }

 private:
  std::string FileOf(const std::string& path, const RankResult& rank) const {
    return request_.all_ranks ? fmt::format("{}.rank{}", path, rank.rank) : path;
  }

  // False, with a note, if one is missing: that costs the file and not the answer.
  bool WriteTraces(DryRun* run) const {
    if (trace_.empty()) return true;
    bool all = true;
    for (const RankResult& rank : run->ranks) {
      Status status;
      if (rank.recording) {
        status = WriteFile(FileOf(trace_, rank), WriteTraceFile(*rank.recording));
      } else {
        status = MachineError(fmt::format("rank {} left no recording", rank.rank));
      }
      if (status) continue;
      all = false;
      run->notes.push_back(
          fmt::format("{} was not written: {}", FileOf(trace_, rank), status.error().message));
    }
    return all;
  }

  bool HasSnapshots(DryRun* run) const {
    if (request_.snapshot.empty()) return true;
    bool all = true;
    for (const RankResult& rank : run->ranks) {
      std::error_code error;
      const std::string path = FileOf(request_.snapshot, rank);
      if (std::filesystem::exists(path, error)) continue;
      all = false;
      run->notes.push_back(path + " was not written");
    }
    return all;
  }

  Document Describe(const DryRun& run,
                    const std::vector<std::optional<Composition>>& compositions) const {
    Document document;
    for (size_t i = 0; i < run.ranks.size(); ++i) {
      AddRank(run, run.ranks[i], &document);
      if (compositions[i] && top_ > 0) {
        AddComposition(*compositions[i], run.ranks[i].peak_allocated, top_, &document);
      }
    }
    if (explain_) {
      document.Add(Title{"Assumed"});
      document.Add(Bullet{fmt::format("CUDA context: {} on this card (an estimate)",
                                      FormatBytes(dryrun::ContextSize(request_.card)))});
      if (run.world_size > 1) {
        document.Add(Bullet{fmt::format("each NCCL communicator: {} (an estimate)",
                                        FormatBytes(dryrun::kCommunicatorSize))});
      }
      document.Add(Bullet{
          request_.linger
              ? "buffers of collectives live until the next collective after the host has waited "
                "for the device: the longest that a busy GPU allows"
              : "buffers of collectives are dropped when PyTorch's watchdog looks next"});
      document.Add(Bullet{request_.helpers ? "numbers read from the device are never zero"
                                           : "numbers read from the device are zero"});
    }
    for (const std::string& note : run.notes) document.Add(Bullet{note});
    return document;
  }

  // A program that failed by itself decides the exit code; one that ran out of memory is bad news.
  static Exit ExitOf(const DryRun& run) {
    Exit exit = Exit::kYes;
    for (const RankResult& rank : run.ranks) {
      if (rank.interrupted) return kInterrupted;
      if (rank.oom) return Exit::kBadNews;
      if (rank.exit_code != 0) exit = static_cast<Exit>(rank.exit_code);
    }
    return exit;
  }

  Result<Exit> Bisect(Output& output) {
    const dryrun::BatchSearch search{AcceptedBatches(request_), {}};
    const auto found = dryrun::FindLargestBatch(
        request_, search, [&output](std::string_view line) { output.Note(line); });
    if (!found) return tl::make_unexpected(found.error());
    if (json_) {
      nlohmann::json answer = {{"schema", "vramcast.dryrun"},
                               {"version", 1},
                               {"device_batch_size", nullptr},
                               {"command", nullptr},
                               {"candidates", TrialsJson(*found)}};
      if (found->batch > 0) {
        answer["device_batch_size"] = found->batch;
        answer["command"] = found->command;
      }
      answer["interrupted"] = found->interrupted;
      output.out() << answer.dump(2) << '\n';
    } else {
      Document document;
      AddTrials(*found, &document);
      if (found->interrupted) document.Add(StoppedSearch());
      if (found->batch > 0) {
        document.Add(Paragraph{
            fmt::format("The largest {}: {}", found->interrupted ? "known to live" : "that lives",
                        found->batch),
            Tone::kGood});
        document.Add(Code{found->command});
      } else if (!found->interrupted) {
        document.Add(Paragraph{
            fmt::format("Not even a batch of {} lives on this card.", found->trials.back().batch),
            Tone::kBad});
      }
      output.Print(document);
    }
    if (found->interrupted) return kInterrupted;
    return found->batch > 0 ? Exit::kYes : Exit::kBadNews;
  }

  Result<Exit> SampleData(const std::vector<std::string>& command, Output& output) const {
    const Status made = dryrun::MakeSampleData(sample_data_, vocabulary_, command);
    if (!made) return tl::make_unexpected(made.error());
    output.Note(fmt::format("made; run with NANOCHAT_BASE_DIR={}", sample_data_));
    return Exit::kYes;
  }

  dryrun::Request request_;
  std::string gpu_ = kDefaultCard;
  std::string other_;
  std::string sample_data_;
  std::string trace_;
  size_t top_ = 10;
  bool no_record_ = false;
  int world_size_ = 0;
  int rank_ = -1;
  int vocabulary_ = kDefaultVocabulary;
  bool no_helpers_ = false;
  bool no_linger_ = false;
  bool bisect_ = false;
  bool json_ = false;
  bool explain_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeDryrunVerb() { return std::make_unique<DryrunVerb>(); }

}  // namespace vramcast::cli
