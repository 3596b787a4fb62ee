// The text and JSON forms of a snapshot's findings.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "analysis/json.h"
#include "base/text.h"
#include "cli/snapshot_view.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

std::string EventText(const DeviceRecording& device, uint32_t event) {
  if (event == kStartOfTrace) return "before the first event";
  std::string text = fmt::format("event {}", WithThousands(event));
  if (event < device.times_us.size()) {
    const double seconds =
        static_cast<double>(device.times_us[event] - device.times_us.front()) / 1e6;
    text += fmt::format(", {:.2f} s into the recording", seconds);
  }
  return text;
}

std::string Percent(Bytes part, Bytes whole) {
  if (whole == Bytes(0)) return "-";
  return fmt::format(
      "{:.1f} %", 100.0 * static_cast<double>(part.count()) / static_cast<double>(whole.count()));
}

void AddShares(const std::vector<Share>& shares, size_t top, Document* document) {
  Bytes sum;
  for (const Share& share : shares) sum += share.bytes;
  Table table;
  table.header = {"size", "share", "blocks", "kind", "what"};
  table.right_aligned = {true, true, true, false, false};
  for (size_t i = 0; i < shares.size() && i < top; ++i) {
    const Share& share = shares[i];
    table.rows.push_back({FormatBytes(share.bytes), Percent(share.bytes, sum),
                          WithThousands(share.blocks), std::string(CategoryName(share.category)),
                          share.code.empty() ? share.name : share.name + ": " + share.code});
  }
  document->Add(table);
  if (shares.size() > top) {
    document->Add(Paragraph{fmt::format("and {} more; --top N shows them.", shares.size() - top)});
  }
}

void AddOom(const LoadedRecording& loaded, const DeviceView& view, Document* document) {
  const Proof& proof = loaded.proofs[view.device];
  if (!proof.run.oom) return;
  const OutOfMemory& oom = *proof.run.oom;
  document->Add(Title{"Memory ran out"});
  document->Add(Paragraph{
      fmt::format("At {} a request for {} failed with {} allocated and {} reserved. Why: {}.",
                  EventText(loaded.recording->devices[view.device], oom.event),
                  FormatBytes(oom.requested), FormatBytes(oom.allocated), FormatBytes(oom.reserved),
                  WhyOutOfMemory(oom)),
      Tone::kBad});
}

void AddGrowth(const LoadedRecording& loaded, const DeviceView& view, Document* document) {
  const Growth& growth = view.growth;
  if (!growth.leak) return;
  document->Add(Title{"Growth"});
  document->Add(Paragraph{
      fmt::format("The least that is allocated rises by {} per sixteenth of the recording, and "
                  "these lines leave memory behind each time:",
                  FormatBytes(growth.per_window)),
      Tone::kBad});
  for (size_t i = 0; i < growth.stacks.size() && i < 3; ++i) {
    const GrowingStack& stack = growth.stacks[i];
    document->Add(
        Bullet{fmt::format("{} in {} blocks: {}", FormatBytes(stack.bytes),
                           WithThousands(stack.blocks), loaded.attribution->Line(stack.stack))});
  }
}

void AddTerms(const LoadedRecording& loaded, const DeviceView& view, Document* document) {
  const Proof& proof = loaded.proofs[view.device];
  document->Add(Title{"Where the numbers come from"});
  document->Add(Bullet{fmt::format(
      "Allocated counts the allocator's blocks (requests rounded to 512 bytes, unsplit tails "
      "included), as torch.cuda.max_memory_allocated does; reserved counts segments.")});
  document->Add(Bullet{fmt::format(
      "The recording was replayed on a model of PyTorch's allocator: {} of {} addresses and {} of "
      "{} segment operations were predicted before looking.",
      WithThousands(proof.at_recorded_address), WithThousands(proof.allocations),
      WithThousands(proof.segments_predicted), WithThousands(proof.segments))});
  if (loaded.starts[view.device].blocks > 0) {
    document->Add(Bullet{fmt::format(
        "The state at the beginning follows from the final segments, walked backwards; the unsplit "
        "tail of {} blocks was inferred (a free block of the large pool is above 1 MiB).",
        loaded.starts[view.device].inferred_slack)});
  }
  document->Add(
      Bullet{"A line is the innermost frame outside PyTorch; its kind is guessed from the stack."});
}

}  // namespace

void AddHeader(const LoadedRecording& loaded, Document* document) {
  const Recording& recording = *loaded.recording;
  const auto [early, late] = std::pair(recording.generation.earliest, recording.generation.latest);
  const auto version = [](std::pair<int, int> v) {
    return v.second >= 99 ? std::string("later") : fmt::format("{}.{}", v.first, v.second);
  };
  document->Add(Title{loaded.path});
  const bool any_version = early.first < 2 && late.second >= 99;
  std::string text =
      any_version
          ? "Written by an unknown version of PyTorch"
          : fmt::format("Written by PyTorch {}",
                        early == late ? version(early) : version(early) + " to " + version(late));
  const std::string conf = FormatAllocConf(loaded.settings);
  text += conf.empty() ? ", allocator settings: default." : ", allocator settings: " + conf + ".";
  document->Add(Paragraph{text});
  const bool is_empty = std::all_of(recording.devices.begin(), recording.devices.end(),
                                    [](const DeviceRecording& device) {
                                      return device.trace.events.empty() && device.segments.empty();
                                    });
  if (is_empty) {
    document->Add(Paragraph{
        "The snapshot is empty: it holds neither an event nor a segment. The program had allocated "
        "nothing on a GPU when it was written, or wrote it from a process that uses none."});
  }
  if (!recording.unknown_keys.empty()) {
    std::string keys;
    for (const auto& [key, count] : recording.unknown_keys) {
      keys += fmt::format("{}{} ({})", keys.empty() ? "" : ", ", key,
                          WithThousands(static_cast<int64_t>(count)));
    }
    document->Add(
        Paragraph{"Keys that are not known were left out: " + keys + ".", Tone::kWarning});
  }
}

void AddView(const LoadedRecording& loaded, const DeviceView& view, const ViewOptions& options,
             Document* document) {
  const DeviceRecording& device = loaded.recording->devices[view.device];
  const Proof& proof = loaded.proofs[view.device];
  const Reconstruction& start = loaded.starts[view.device];
  document->Add(Title{fmt::format("GPU {}", view.device)});
  if (device.trace.events.empty() && device.segments.empty()) {
    document->Add(Paragraph{"Not used."});
    return;
  }
  std::string begin =
      start.blocks == 0
          ? "from the program's beginning"
          : fmt::format(
                "from the middle of the program, when {} were already allocated in {} "
                "blocks",
                FormatBytes(start.allocated), WithThousands(start.blocks));
  document->Add(
      Paragraph{fmt::format("{} events, {} allocations, recorded {}.",
                            WithThousands(static_cast<int64_t>(device.trace.events.size())),
                            WithThousands(proof.allocations), begin)});
  if (device.skipped.total() > 0) {
    document->Add(Paragraph{
        fmt::format("{} records could not be used as they stand ({} without a needed field, {} "
                    "unknown actions, {} frees missing, {} odd blocks).",
                    WithThousands(static_cast<int64_t>(device.skipped.total())),
                    device.skipped.odd_events, device.skipped.unknown_actions,
                    device.skipped.lost_frees, device.skipped.odd_blocks),
        Tone::kWarning});
  }
  document->Add(Paragraph{
      fmt::format("Peak: {} allocated ({}), {} reserved. At the end: {} allocated.",
                  FormatBytes(proof.run.peak.allocated), EventText(device, proof.run.peak.event),
                  FormatBytes(proof.run.peak.reserved), FormatBytes(view.allocated_at_end))});

  for (Paragraph& line : Verdict(loaded, view)) document->Add(std::move(line));
  document->Add(
      Title{fmt::format("What was allocated at {}",
                        options.at == "peak" ? "the peak" : EventText(device, view.event))});
  AddShares(view.shares, options.top, document);

  document->Add(Title{"Reserved but free at the end"});
  document->Add(Paragraph{fmt::format(
      "{}, the largest piece {}: {} in whole segments, which PyTorch gives back when it must, {} "
      "between allocated blocks. The most that ever lay between allocated blocks: {}.",
      FormatBytes(view.free_at_end), FormatBytes(view.largest_free_at_end),
      FormatBytes(view.free_segments_at_end),
      FormatBytes(view.free_at_end - view.free_segments_at_end),
      FormatBytes(Bytes(proof.run.statistics.inactive_split_bytes.all.peak)))});
  AddOom(loaded, view, document);
  if (!view.not_freed.empty()) {
    document->Add(Title{"Allocated in the recording and still there at its end"});
    AddShares(view.not_freed, std::min<size_t>(options.top, 5), document);
  }
  AddGrowth(loaded, view, document);
  if (!view.remedies.empty()) {
    document->Add(Title{"What would help"});
    for (const Remedy& remedy : view.remedies) document->Add(Bullet{remedy.action + "."});
  }
  if (options.explain) AddTerms(loaded, view, document);
}

json ViewJson(const LoadedRecording& loaded, const DeviceView& view, size_t top) {
  const DeviceRecording& device = loaded.recording->devices[view.device];
  const Proof& proof = loaded.proofs[view.device];
  const Reconstruction& start = loaded.starts[view.device];
  const auto event_json = [](uint32_t event) {
    return event == kStartOfTrace ? json(nullptr) : json(event);
  };
  Bytes at;
  for (const LiveBlock& block : view.blocks) at += block.size;
  json object = {
      {"device", view.device},
      {"events", device.trace.events.size()},
      {"allocations", proof.allocations},
      {"skipped", device.skipped.total()},
      {"skipped_records", ToJson(device.skipped)},
      {"peak_allocated_bytes", proof.run.peak.allocated.count()},
      {"peak_reserved_bytes", proof.run.peak.reserved.count()},
      {"peak_event", event_json(proof.run.peak.event)},
      {"allocated_bytes", view.allocated_at_end.count()},
      {"reserved_bytes", proof.run.reserved_at_end.count()},
      {"start",
       {{"blocks", start.blocks},
        {"allocated_bytes", start.allocated.count()},
        {"reserved_bytes", start.reserved.count()},
        {"inferred_slack", start.inferred_slack},
        {"unplaced", start.unplaced}}},
      {"at", {{"event", event_json(view.event)}, {"allocated_bytes", at.count()}}},
      {"composition", ToJson(view.shares, top)},
      {"by_category", ToJson(view.categories, kCategoryCount)},
      {"not_freed", ToJson(view.not_freed, top)},
      {"fragmentation",
       {{"free_bytes", view.free_at_end.count()},
        {"free_whole_segments_bytes", view.free_segments_at_end.count()},
        {"largest_free_block_bytes", view.largest_free_at_end.count()},
        {"peak_inactive_split_bytes", proof.run.statistics.inactive_split_bytes.all.peak}}},
      {"growth", ToJson(view.growth, *loaded.attribution)},
      {"oom", proof.run.oom ? ToJson(*proof.run.oom) : json(nullptr)},
      {"ooms", proof.ooms},
      {"proof", ToJson(proof)},
      {"statistics", ToJson(proof.run.statistics)}};
  object["verdict"] = json::array();
  for (const Paragraph& line : Verdict(loaded, view)) object["verdict"].push_back(line.text);
  object["remedies"] = json::array();
  for (const Remedy& remedy : view.remedies) {
    object["remedies"].push_back(
        {{"action", remedy.action},
         {"alloc_conf", remedy.setting.empty() ? json(nullptr) : json(remedy.setting)},
         {"lives", remedy.lives ? json(*remedy.lives) : json(nullptr)}});
  }
  return object;
}

}  // namespace vramcast::cli
