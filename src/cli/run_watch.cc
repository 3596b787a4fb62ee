#include "cli/run_watch.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/text.h"
#include "supervise/process_tree.h"

namespace vramcast::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSeam = 32;
// nvidia-smi is a program to start for every look.
constexpr auto kBetweenSmi = std::chrono::seconds(10);

// What a death for want of GPU memory prints, in all its wordings that matter here.
bool SpeaksOfMemory(std::string_view text) {
  return text.find("out of memory") != std::string_view::npos ||
         text.find("OutOfMemory") != std::string_view::npos ||
         text.find("RESOURCE_EXHAUSTED") != std::string_view::npos;
}

// The process of a file that the start-up module leaves at a death: "rank0-pid4242.death".
std::optional<pid_t> DeadProcess(const std::filesystem::path& file) {
  if (file.extension() != ".death") return std::nullopt;
  const std::string stem = file.stem().string();
  const size_t at = stem.find("-pid");
  const auto pid = at == std::string::npos ? std::nullopt : ParseInt(stem.substr(at + 4));
  return pid ? std::optional(static_cast<pid_t>(*pid)) : std::nullopt;
}

}  // namespace

RunWatch::RunWatch(Options options) : options_(std::move(options)) {}

void RunWatch::Output(std::string_view bytes) {
  log_.Feed(bytes);
  if (out_of_memory_printed_) return;
  seam_.append(bytes.substr(0, kSeam));
  out_of_memory_printed_ = SpeaksOfMemory(seam_) || SpeaksOfMemory(bytes);
  // Now, while the one that prints it still lives.
  if (out_of_memory_printed_ && root_) when_printed_ = supervise::Descendants(*root_);
  seam_ = bytes.size() >= kSeam ? std::string(bytes.substr(bytes.size() - kSeam))
                                : seam_.substr(seam_.size() - std::min(seam_.size(), kSeam));
}

bool RunWatch::Pulse(const supervise::Pulse& pulse) {
  root_ = pulse.root;
  SampleGpus(pulse.root);
  const bool silent = options_.stall.count() > 0 && pulse.silent >= options_.stall;
  stalled_ = silent && DeadRankIsGone(pulse.root);
  return !stalled_;
}

void RunWatch::SampleGpus(pid_t root) {
  if (Clock::now() < next_sample_) return;
  if (!std::exchange(sampler_tried_, true)) {
    if (auto opened = gpu::OpenSampler(gpu::Source::kAuto)) sampler_ = *std::move(opened);
  }
  if (!sampler_) return;
  const auto machine = sampler_->Sample();
  if (!machine) return;
  if (machine->source == "nvidia-smi") next_sample_ = Clock::now() + kBetweenSmi;
  Bytes fullest, used;
  bool listed = true;
  for (const gpu::Gpu& gpu : machine->gpus) {
    Bytes held;
    for (const gpu::GpuProcess& process : gpu.processes) {
      listed = listed && !process.hidden;
      const auto pid = static_cast<pid_t>(process.pid);
      if (process.used && supervise::IsDescendant(pid, root)) held += *process.used;
    }
    listed = listed && gpu.processes_known;
    fullest = std::max(fullest, held);
    used = std::max(used, gpu.used.value_or(Bytes(0)));
  }
  if (!listed) {
    // Of a container's processes the driver knows other ids: what the fullest GPU gained counts.
    if (!held_before_) held_before_ = used;
    fullest = std::max(fullest, std::max(used - *held_before_, Bytes(0)));
  }
  if (fullest > Bytes(0)) device_peak_ = std::max(device_peak_.value_or(Bytes(0)), fullest);
  if (options_.on_sample) options_.on_sample(*machine);
}

// A program that catches an out-of-memory and goes on is alive; a rank that died of it is not.
bool RunWatch::DeadRankIsGone(pid_t root) {
  const std::vector<pid_t> living = supervise::Descendants(root);
  const auto gone = [&](pid_t pid) {
    return std::find(living.begin(), living.end(), pid) == living.end();
  };
  if (living.empty()) return false;
  std::error_code error;
  bool any_death = false;
  if (!options_.records.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(options_.records, error)) {
      const auto pid = DeadProcess(entry.path());
      if (pid && gone(*pid)) return true;
      any_death = any_death || pid.has_value();
    }
  }
  if (any_death) return false;  // all of them went on
  return std::any_of(when_printed_.begin(), when_printed_.end(), gone);
}

}  // namespace vramcast::cli
