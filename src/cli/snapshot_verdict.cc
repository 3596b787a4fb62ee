// The few sentences that a person would write down after looking at a recording.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/snapshot_view.h"

namespace vramcast::cli {
namespace {

int Percent(Bytes part, Bytes whole) {
  if (whole <= Bytes(0)) return 0;
  return static_cast<int>(
      100.0 * static_cast<double>(part.count()) / static_cast<double>(whole.count()) + 0.5);
}

// Only the state at one moment: a snapshot without history.
std::optional<Paragraph> OnlyAState(const Proof& proof) {
  if (proof.allocations > 0) return std::nullopt;
  return Paragraph{
      fmt::format("No history was recorded, only the state when the snapshot was taken: {} % of "
                  "the {} reserved "
                  "is allocated. What came before, and whether it grows, is not known.",
                  Percent(proof.run.peak.allocated, proof.run.peak.reserved),
                  FormatBytes(proof.run.peak.reserved))};
}

// What a reader must know before believing the rest.
void AddDoubts(const Proof& proof, const DeviceView& view, std::vector<Paragraph>* lines) {
  const uint32_t outside = proof.allocations - proof.predicted - proof.late_slack;
  if (outside > 0) {
    lines->push_back({fmt::format("{} of {} allocations lie in no segment that the snapshot lists, "
                                  "as in files that a program wrote or cut: what was allocated is "
                                  "the sum of its events, and what was reserved is not known.",
                                  outside, proof.allocations),
                      Tone::kWarning});
  }
  if (view.lost > Bytes(0)) {
    lines->push_back(
        {fmt::format("{} that no event frees are free in the final segments: frees are "
                     "missing, because they were not recorded or were cut out.",
                     FormatBytes(view.lost)),
         Tone::kWarning});
  }
}

// The kinds and the line that the peak is made of.
std::optional<Paragraph> MadeOf(const LoadedRecording& loaded, const DeviceView& view) {
  const DeviceRecording& device = loaded.recording->devices[view.device];
  const Proof& proof = loaded.proofs[view.device];
  auto blocks = LiveAt(device, proof.units, proof.run.peak.event);
  Bytes all, before;
  for (const LiveBlock& block : blocks) {
    all += block.size;
    if (IsFromBefore(block, *loaded.attribution)) before += block.size;
  }
  std::erase_if(blocks,
                [&](const auto& block) { return IsFromBefore(block, *loaded.attribution); });
  std::vector<std::string> parts;
  if (Percent(before, all) >= 5) {
    parts.push_back(fmt::format("{} % was there before the recording", Percent(before, all)));
  }
  const auto kinds = GroupBlocks(blocks, device, *loaded.attribution, Grouping::kCategory);
  for (size_t i = 0; i < kinds.size() && i < 3 && Percent(kinds[i].bytes, all) >= 5; ++i) {
    parts.push_back(fmt::format("{} % is {}", Percent(kinds[i].bytes, all),
                                kinds[i].name == "other" ? "of unknown kind" : kinds[i].name));
  }
  if (parts.empty()) return std::nullopt;
  std::string text = (proof.allocations > 0 ? "At the peak " : "Of it ") + Join(parts, ", ") + ".";
  const auto lines = GroupBlocks(blocks, device, *loaded.attribution, Grouping::kLine);
  if (!lines.empty() && Percent(lines.front().bytes, all) > 0) {
    text += fmt::format(" The most from one place, {} %: {}.", Percent(lines.front().bytes, all),
                        lines.front().name);
  }
  return Paragraph{text};
}

std::optional<Paragraph> Unused(const LoadedRecording& loaded, const DeviceView& view) {
  const Peak& peak = loaded.proofs[view.device].run.peak;
  if (loaded.proofs[view.device].allocations == 0 || !MuchUnused(peak)) return std::nullopt;
  return Paragraph{fmt::format("PyTorch reserved {} more than was ever in use at once, {} % of all "
                               "that it reserved: fragmentation and cache.",
                               FormatBytes(peak.reserved - peak.allocated),
                               Percent(peak.reserved - peak.allocated, peak.reserved)),
                   Tone::kWarning};
}

std::optional<Paragraph> Grows(const LoadedRecording& loaded, const DeviceView& view) {
  const Growth& growth = view.growth;
  if (loaded.proofs[view.device].allocations == 0) return std::nullopt;
  if (growth.floors.empty()) {
    return Paragraph{"Too few events to tell whether memory grows."};
  }
  const Bytes quarter = growth.floors[growth.floors.size() / 4];
  const Bytes end = growth.floors.back();
  if (growth.leak) {
    return Paragraph{
        fmt::format("Leak: what stays allocated rises from {} to {}, and {} leaves most of it.",
                    FormatBytes(quarter), FormatBytes(end),
                    loaded.attribution->Line(growth.stacks.front().stack)),
        Tone::kBad};
  }
  if (Percent(end - quarter, quarter) >= 1) {
    return Paragraph{
        fmt::format("No leak seen: the least allocated rises from {} after a quarter of the "
                    "recording to {} at its end, but not again and again.",
                    FormatBytes(quarter), FormatBytes(end))};
  }
  return Paragraph{fmt::format("No growth: the least allocated is {} after a quarter of the "
                               "recording and {} at its end.",
                               FormatBytes(quarter), FormatBytes(end)),
                   Tone::kGood};
}

}  // namespace

bool MuchUnused(const Peak& peak) {
  // A segment is at least 20 MiB, so small programs always have some.
  constexpr Bytes kSegments(int64_t{256} << 20);
  const Bytes unused = peak.reserved - peak.allocated;
  return unused > kSegments && Percent(unused, peak.reserved) >= 15;
}

std::string WhyOutOfMemory(const OutOfMemory& oom) {
  const Bytes inside = oom.reserved - oom.allocated;
  const std::string device =
      oom.device_free ? ", " + FormatBytes(*oom.device_free) + " on the device" : "";
  if (oom.by_memory_fraction) {
    return fmt::format("the limit of set_per_process_memory_fraction, not the device, refused{}",
                       oom.device_free ? device + " were free" : "");
  }
  if (inside >= oom.requested) {
    return fmt::format("fragmentation: {} lay free inside PyTorch, but in pieces of at most {}",
                       FormatBytes(inside), FormatBytes(oom.largest_free_block));
  }
  if (oom.device_free && inside + *oom.device_free >= oom.requested) {
    return fmt::format(
        "fragmentation: {} inside PyTorch (largest piece {}) and {} on the device would be enough "
        "together, not apart",
        FormatBytes(inside), FormatBytes(oom.largest_free_block), FormatBytes(*oom.device_free));
  }
  return fmt::format("capacity: all that was free ({} inside PyTorch{}) is less than that",
                     FormatBytes(inside), device);
}

std::vector<Paragraph> Verdict(const LoadedRecording& loaded, const DeviceView& view) {
  const Proof& proof = loaded.proofs[view.device];
  std::vector<Paragraph> lines;
  const DeviceRecording& device = loaded.recording->devices[view.device];
  if (device.trace.events.empty() && device.segments.empty()) return lines;
  if (proof.run.oom) {
    lines.push_back(
        {fmt::format("Memory ran out: {} were asked for. {}", FormatBytes(proof.run.oom->requested),
                     AsSentence(WhyOutOfMemory(*proof.run.oom))),
         Tone::kBad});
  }
  AddDoubts(proof, view, &lines);
  for (auto line :
       {OnlyAState(proof), MadeOf(loaded, view), Unused(loaded, view), Grows(loaded, view)}) {
    if (line) lines.push_back(std::move(*line));
  }
  return lines;
}

}  // namespace vramcast::cli
