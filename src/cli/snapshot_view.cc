#include "cli/snapshot_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "analysis/whatif.h"
#include "base/text.h"
#include "cli/source_line.h"

namespace vramcast::cli {
namespace {

Result<uint32_t> EventOf(const LoadedRecording& loaded, size_t device, const std::string& at) {
  const Proof& proof = loaded.proofs[device];
  const auto& events = loaded.recording->devices[device].trace.events;
  if (at == "peak") return proof.run.peak.event;
  if (at == "end") {
    return events.empty() ? kStartOfTrace : static_cast<uint32_t>(events.size() - 1);
  }
  if (at == "oom") {
    if (!proof.run.oom) return UsageError("no memory ran out in this recording: --at oom");
    return proof.run.oom->event;
  }
  const auto number = ParseInt(at);
  if (!number || *number < 0 || *number >= static_cast<int64_t>(events.size())) {
    return UsageError(fmt::format("--at takes peak, end, oom or an event from 0 to {}, not {}",
                                  events.empty() ? 0 : events.size() - 1, at));
  }
  return static_cast<uint32_t>(*number);
}

// Takes out what the final segments show to be free: its frees are not in the recording.
Bytes EraseLost(const DeviceRecording& device, std::vector<LiveBlock>* blocks) {
  Bytes lost;
  if (device.segments.empty()) return lost;
  std::unordered_set<uint64_t> active;
  for (const RecordedSegment& segment : device.segments) {
    for (const RecordedBlock& block : segment.blocks) {
      if (block.state != RecordedState::kInactive) active.insert(block.address);
    }
  }
  std::erase_if(*blocks, [&](const LiveBlock& block) {
    if (active.contains(block.address)) return false;
    lost += block.size;
    return true;
  });
  return lost;
}

void AddFragmentationRemedy(const LoadedRecording& loaded, DeviceView* view) {
  const Proof& proof = loaded.proofs[view->device];
  const Peak& peak = proof.run.peak;
  if (proof.run.oom || !MuchUnused(peak) || loaded.settings.expandable_segments) return;
  auto wanted = ParseAllocConf("expandable_segments:True", loaded.settings.torch);
  if (!wanted) return;
  const Run run =
      PlayAs(loaded.recording->devices[view->device], proof, loaded.settings, *wanted, {});
  if (run.peak.reserved >= peak.reserved) return;
  view->remedies.push_back(
      {fmt::format("PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True: the same program would "
                   "reserve {} instead of {}",
                   FormatBytes(run.peak.reserved), FormatBytes(peak.reserved)),
       "expandable_segments:True", true});
}

// What would have helped, tried by replay on a device with exactly the memory PyTorch could get.
void AddRemedies(const LoadedRecording& loaded, DeviceView* view) {
  const Proof& proof = loaded.proofs[view->device];
  if (proof.run.oom && proof.run.oom->device_free) {
    const OutOfMemory& oom = *proof.run.oom;
    const Bytes total = oom.reserved + *oom.device_free;
    for (const char* conf :
         {"expandable_segments:True", "max_split_size_mb:128", "roundup_power2_divisions:8"}) {
      auto wanted = ParseAllocConf(conf, loaded.settings.torch);
      if (!wanted || *wanted == loaded.settings) continue;
      const auto run = PlayAs(loaded.recording->devices[view->device], proof, loaded.settings,
                              *wanted, {.total = total});
      if (run.oom) continue;
      view->remedies.push_back(
          {fmt::format("PYTORCH_CUDA_ALLOC_CONF={}: the same program gets past this request (peak "
                       "{} reserved)",
                       conf, FormatBytes(run.peak.reserved)),
           conf, true});
    }
    if (view->remedies.empty()) {
      view->remedies.push_back(
          {"no allocator setting that was tried gets past this request: the program needs less "
           "memory (a smaller batch or sequence) or a larger card",
           "", false});
    }
  }
  AddFragmentationRemedy(loaded, view);
  if (view->growth.leak) {
    view->remedies.push_back(
        {fmt::format("keep no reference to what {} makes: use .item() or .detach(), or delete it "
                     "after each step",
                     loaded.attribution->Line(view->growth.stacks.front().stack)),
         "",
         {}});
  }
}

// What stands on the line that each share is named by, as far as its file is on this machine.
void LookUpCode(const LoadedRecording& loaded, SourceLines& sources, std::vector<Share>* shares) {
  for (Share& share : *shares) {
    const Frame* frame = loaded.attribution->LineFrame(share.stack);
    if (frame == nullptr || loaded.attribution->Line(share.stack) != share.name) continue;
    share.code = sources.Text(std::string(loaded.recording->strings[frame->file]), frame->line);
  }
}

}  // namespace

Result<DeviceView> ViewDevice(const LoadedRecording& loaded, size_t device,
                              const ViewOptions& options) {
  const auto event = EventOf(loaded, device, options.at);
  if (!event) return tl::make_unexpected(event.error());
  const DeviceRecording& recorded = loaded.recording->devices[device];
  const Proof& proof = loaded.proofs[device];
  DeviceView view;
  view.device = device;
  view.event = *event;
  view.blocks = LiveAt(recorded, proof.units, *event);
  view.shares = GroupBlocks(view.blocks, recorded, *loaded.attribution, options.by);
  view.categories = GroupBlocks(view.blocks, recorded, *loaded.attribution, Grouping::kCategory);
  if (!recorded.trace.events.empty()) {
    auto end =
        LiveAt(recorded, proof.units, static_cast<uint32_t>(recorded.trace.events.size() - 1));
    std::erase_if(end, [](const LiveBlock& block) { return block.event == kStartOfTrace; });
    view.lost = EraseLost(recorded, &end);
    view.not_freed = GroupBlocks(end, recorded, *loaded.attribution, Grouping::kLine);
  }
  SourceLines sources;
  LookUpCode(loaded, sources, &view.shares);
  LookUpCode(loaded, sources, &view.not_freed);
  view.growth = FindGrowth(recorded, proof.units);
  view.allocated_at_end = loaded.AllocatedAtEnd(device);
  for (const RecordedSegment& segment : recorded.segments) {
    const bool whole = segment.blocks.size() == 1 && !segment.is_expandable;
    for (const RecordedBlock& block : segment.blocks) {
      if (block.state != RecordedState::kInactive) continue;
      view.free_at_end += block.size;
      if (whole) view.free_segments_at_end += block.size;
      view.largest_free_at_end = std::max(view.largest_free_at_end, block.size);
    }
  }
  AddRemedies(loaded, &view);
  return view;
}

bool IsBadNews(const LoadedRecording& loaded, const DeviceView& view) {
  return loaded.proofs[view.device].ooms > 0 || view.growth.leak;
}

}  // namespace vramcast::cli
