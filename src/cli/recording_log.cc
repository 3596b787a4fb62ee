#include "cli/recording_log.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/text.h"
#include "crashlog/when.h"

namespace vramcast::cli {
namespace {

std::vector<crashlog::Frame> FramesOf(const Recording& recording, StackId stack) {
  std::vector<crashlog::Frame> frames;  // outermost first
  const auto innermost_first = recording.stacks[stack];
  for (size_t i = innermost_first.size(); i-- > 0;) {
    const Frame& frame = recording.frames[innermost_first[i].value];
    frames.push_back({.file = std::string(recording.strings[frame.file]),
                      .line = frame.line <= INT32_MAX ? static_cast<int64_t>(frame.line) : 0,
                      .function = std::string(recording.strings[frame.function]),
                      .code = {}});
  }
  return frames;
}

// How many optimizer steps ended (something else came after them) before event `end`.
int64_t StepsBefore(const Recording& recording, const Trace& trace, uint32_t end) {
  std::vector<std::optional<bool>> steps(recording.stacks.size());  // by StackId
  const auto is_step = [&](StackId stack) {
    std::optional<bool>& answer = steps[stack.value];
    if (!answer) {
      const Phase phase = crashlog::PhaseOfFrames(FramesOf(recording, stack), false);
      answer = phase == Phase::kFirstOptimizerStep;
    }
    return *answer;
  };
  int64_t count = 0;
  bool stepping = false;
  for (uint32_t i = 0; i < end; ++i) {
    const Event& event = trace.events[i];
    if (event.action != Action::kAlloc || event.stack.value >= steps.size()) continue;
    const bool now = is_step(event.stack);
    if (stepping && !now) ++count;
    stepping = now;
  }
  return count;
}

// The stack of event `at`, or of the last event before it that has one.
StackId LastStack(const Recording& recording, const Trace& trace, uint32_t at) {
  for (uint32_t i = at + 1; i-- > 0;) {
    const StackId stack = trace.events[i].stack;
    if (!recording.stacks[stack].empty()) return stack;
  }
  return {};
}

void SetWhen(const LoadedRecording& loaded, size_t device, uint32_t at, crashlog::OomEvent* event) {
  const Recording& recording = *loaded.recording;
  const Trace& trace = recording.devices[device].trace;
  std::optional<crashlog::Progress> progress;
  const int64_t steps = StepsBefore(recording, trace, at);
  // A recording that begins in the middle tells nothing of the steps before it.
  if (steps > 0 || loaded.starts[device].blocks == 0) progress.emplace().finished = steps;
  event->frames = FramesOf(recording, LastStack(recording, trace, at));
  crashlog::SetWhen(*event, progress, false, false);
  event->step.reset();
  if (recording.stacks[trace.events[at].stack].empty()) event->frames.clear();
}

crashlog::OomEvent EventOf(const LoadedRecording& loaded, size_t device, const OutOfMemory& oom) {
  const Recording& recording = *loaded.recording;
  crashlog::OomEvent event;
  event.is_vram_oom = true;
  event.framework = crashlog::Framework::kPytorch;
  event.wording = crashlog::Wording::kAllocator;
  event.device = static_cast<int64_t>(device);
  event.requested = oom.segment;
  event.free = oom.device_free;
  event.allocated = oom.allocated;
  // The message states it up to 2.0 only, and the rules tell versions apart by that.
  if (recording.generation.latest < std::pair(2, 1)) event.reserved = oom.reserved;
  event.reserved_unallocated = oom.reserved - oom.allocated;
  SetWhen(loaded, device, oom.event, &event);
  event.evidence = fmt::format(
      "event {} of the recording: a request for {} failed with {} allocated, {} reserved and {} "
      "free on the device",
      WithThousands(oom.event), FormatBytes(oom.segment), FormatBytes(oom.allocated),
      FormatBytes(oom.reserved),
      oom.device_free ? FormatBytes(*oom.device_free) : "an unknown amount");
  return event;
}

}  // namespace

diagnosis::Log LogOfRecording(const LoadedRecording& loaded) {
  diagnosis::Log log;
  log.name = loaded.path;
  for (size_t device = 0; device < loaded.proofs.size(); ++device) {
    const std::optional<OutOfMemory>& oom = loaded.proofs[device].run.oom;
    if (oom) log.report.events.push_back(EventOf(loaded, device, *oom));
  }
  log.around.resize(log.report.events.size());
  // The oldest that it can be: no remedy may need more.
  const auto [major, minor] = loaded.recording->generation.earliest;
  if (major >= 2) log.report.torch_version = fmt::format("{}.{}", major, minor);
  const std::string conf = FormatAllocConf(loaded.settings);
  if (!conf.empty()) log.report.allocator_settings.push_back("PYTORCH_CUDA_ALLOC_CONF=" + conf);
  return log;
}

}  // namespace vramcast::cli
