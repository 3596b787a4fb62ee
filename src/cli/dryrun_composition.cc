#include "cli/dryrun_composition.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/recording_input.h"
#include "trace/phase.h"

namespace vramcast::cli {

namespace {

// Autograd's own thread has no Python stack: what is known of such a block is when it came.
std::vector<Share> ByLine(const std::vector<LiveBlock>& blocks, const DeviceRecording& device,
                          const Attribution& attribution) {
  std::vector<LiveBlock> with_stack;
  std::map<Phase, Share> without;
  for (const LiveBlock& block : blocks) {
    if (!attribution.Frames(block.stack).empty()) {
      with_stack.push_back(block);
      continue;
    }
    const Phase phase = block.event < device.trace.events.size()
                            ? device.trace.events[block.event].phase
                            : Phase::kUnknown;
    Share& share = without[phase];
    share.name = fmt::format("outside Python, in the phase: {}", PhaseTitle(phase));
    share.bytes += block.size;
    ++share.blocks;
  }
  std::vector<Share> lines = GroupBlocks(with_stack, device, attribution, Grouping::kLine);
  for (auto& [phase, share] : without) lines.push_back(std::move(share));
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Share& a, const Share& b) { return a.bytes > b.bytes; });
  return lines;
}

}  // namespace

std::optional<Composition> Compose(dryrun::RankResult* rank) {
  if (!rank->recording) return std::nullopt;
  const auto torch = ParseTorchVersion(rank->torch);
  const LoadedRecording loaded = AnalyseRecording(
      "", std::move(rank->recording), torch ? std::optional<TorchVersion>(*torch) : std::nullopt);
  // One rank uses one device; its number is the local rank.
  std::optional<size_t> used;
  for (size_t d = 0; d < loaded.proofs.size(); ++d) {
    if (!used || loaded.proofs[d].run.peak.allocated > loaded.proofs[*used].run.peak.allocated) {
      used = d;
    }
  }
  if (!used || loaded.recording->devices[*used].trace.events.empty()) return std::nullopt;
  const DeviceRecording& device = loaded.recording->devices[*used];
  const Proof& proof = loaded.proofs[*used];
  if (proof.run.peak.allocated == Bytes(0)) return std::nullopt;
  const uint32_t at = proof.run.peak.event;
  Composition composition;
  composition.allocated = proof.run.peak.allocated;
  if (at < device.trace.events.size()) composition.phase = device.trace.events[at].phase;
  const auto blocks = LiveAt(device, proof.units, at);
  composition.categories = GroupBlocks(blocks, device, *loaded.attribution, Grouping::kCategory);
  composition.lines = ByLine(blocks, device, *loaded.attribution);
  return composition;
}

void AddComposition(const Composition& composition, Bytes peak, size_t top, Document* document) {
  document->Add(Title{fmt::format("At the peak, in the phase: {}", PhaseTitle(composition.phase))});
  Table table;
  table.header = {"MiB", "blocks", "asked for by"};
  table.right_aligned = {true, true, false};
  Bytes rest;
  uint32_t rest_blocks = 0;
  for (size_t i = 0; i < composition.lines.size(); ++i) {
    const Share& share = composition.lines[i];
    if (i < top) {
      table.rows.push_back({fmt::format("{:.2f}", share.bytes.mib()), std::to_string(share.blocks),
                            fmt::format("{} ({})", share.name, CategoryName(share.category))});
    } else {
      rest += share.bytes;
      rest_blocks += share.blocks;
    }
  }
  if (rest_blocks > 0) {
    table.rows.push_back({fmt::format("{:.2f}", rest.mib()), std::to_string(rest_blocks),
                          fmt::format("{} more lines", composition.lines.size() - top)});
  }
  document->Add(std::move(table));
  if (composition.allocated != peak) {
    document->Add(Bullet{fmt::format("the recorded peak is {:.2f} MiB: the run ended before the "
                                     "rest could be recorded",
                                     composition.allocated.mib()),
                         Tone::kWarning});
  }
}

void AddComposition(const Composition& composition, size_t top, nlohmann::json* rank) {
  nlohmann::json categories = nlohmann::json::array();
  for (const Share& share : composition.categories) {
    categories.push_back({{"category", share.name}, {"bytes", share.bytes.count()}});
  }
  nlohmann::json lines = nlohmann::json::array();
  for (size_t i = 0; i < std::min(top, composition.lines.size()); ++i) {
    const Share& share = composition.lines[i];
    lines.push_back({{"line", share.name},
                     {"category", CategoryName(share.category)},
                     {"bytes", share.bytes.count()},
                     {"blocks", share.blocks}});
  }
  (*rank)["peak_phase"] = PhaseName(composition.phase);
  (*rank)["composition"] = std::move(categories);
  (*rank)["lines"] = std::move(lines);
}

}  // namespace vramcast::cli
