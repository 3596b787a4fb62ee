// The replay beside real recordings: addresses and segments predicted, then one program's runs
// predicted from each other. Data: VRAMCAST_DATA, or ../shared beside the checkout.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cli/testing/recorded_runs.h"

namespace {

using namespace vramcast;       // NOLINT
using namespace vramcast::cli;  // NOLINT
using recorded::RecordedRun;

struct Totals {
  int files = 0, devices = 0, peaks = 0;
  uint64_t allocations = 0, predicted = 0, right = 0, late_slack = 0, segments = 0,
           segments_right = 0;
  int wrong = 0;
};

void Print(const Totals& t, const std::string& name) {
  std::cout << fmt::format(
      "{}: {} files, {} devices, {} peaks of allocated memory printed by the program\n"
      "  addresses  {} of {} right of {} allocations, {} with late slack\n"
      "  segments   {} of {} allocated, freed, mapped and unmapped as predicted\n"
      "  files that differ from what is known in any figure: {}\n",
      name, t.files, t.devices, t.peaks, t.right, t.predicted, t.allocations, t.late_slack,
      t.segments_right, t.segments, t.wrong);
}

void Prove(const RecordedRun& run, Totals* totals) {
  ++totals->files;
  const auto loaded = LoadRecording(run.path, {});
  if (!loaded) {
    std::cout << run.id << ": " << loaded.error().message << '\n';
    ++totals->wrong;
    return;
  }
  const recorded::Unknowable unknowable = recorded::UnknowableOf(run);
  bool right = true;
  int64_t peak_allocated = 0;
  for (const recorded::DeviceTruth& truth : run.devices) {
    const Proof& proof = loaded->proofs[truth.device];
    ++totals->devices;
    totals->allocations += proof.allocations;
    totals->predicted += proof.predicted;
    totals->right += proof.at_recorded_address;
    totals->late_slack += proof.late_slack;
    totals->segments += proof.segments;
    totals->segments_right += proof.segments_predicted;
    peak_allocated = std::max(peak_allocated, proof.run.peak.allocated.count());
    right = right && proof.allocations == truth.allocations && proof.ooms_predicted &&
            proof.run.peak.reserved.count() == truth.peak_reserved &&
            loaded->AllocatedAtEnd(truth.device).count() == truth.allocated_at_end &&
            proof.at_recorded_address == proof.predicted &&
            proof.segments_predicted == proof.segments &&
            (!unknowable.end_is_known ||
             (proof.final_blocks == proof.final_blocks_equal && proof.final_free_equal));
    const uint32_t unclaimed = proof.allocations - proof.predicted - proof.late_slack;
    if (proof.late_slack + unclaimed > 0 || !unknowable.end_is_known) {
      std::cout << fmt::format("  {}: {} late slack, {} not claimed; {}\n", run.id,
                               proof.late_slack, unclaimed, unknowable.reason);
    }
  }
  if (run.peak_allocated) {
    ++totals->peaks;
    right = right && peak_allocated == *run.peak_allocated;
  }
  if (!right) std::cout << "  WRONG: " << run.id << '\n';
  totals->wrong += right ? 0 : 1;
}

const RecordedRun* Find(const std::vector<RecordedRun>& runs, std::string_view id) {
  for (const RecordedRun& run : runs) {
    if (run.id == id) return &run;
  }
  return nullptr;
}

void Row(std::string_view name, const Run& run, const RecordedRun* truth) {
  const auto off = [&](int64_t predicted, int64_t known) {
    return truth == nullptr
               ? std::string()
               : fmt::format("{:+.3f}%", recorded::PercentOff(static_cast<double>(predicted),
                                                              static_cast<double>(known)));
  };
  std::cout << fmt::format(
      "  {:20} {:6} {:>14} {:>9} {:>14} {:>9} {:>7} {:>7}\n", name, run.oom ? "dies" : "lives",
      run.peak.allocated.count(),
      off(run.peak.allocated.count(), truth ? truth->peak_allocated.value_or(0) : 0),
      run.peak.reserved.count(), off(run.peak.reserved.count(), truth ? truth->peak_reserved : 0),
      run.statistics.num_alloc_retries, run.statistics.num_device_alloc);
}

void Truth(const RecordedRun& run) {
  std::cout << fmt::format("  {:20} {:6} {:>14} {:>9} {:>14} {:>9} {:>7} {:>7}\n",
                           run.id + " (true)", run.died ? "dies" : "lives",
                           run.peak_allocated.value_or(0), "", run.peak_reserved, "", run.retries,
                           run.device_allocations);
}

void WhatIf(const std::vector<RecordedRun>& runs, std::string_view from) {
  const RecordedRun* source = Find(runs, from);
  if (source == nullptr) return;
  const auto loaded = LoadRecording(source->path, {});
  if (!loaded) return;
  std::cout << fmt::format(
      "\nwhat if, predicted from {}\n  {:20} {:6} {:>14} {:>9} {:>14} {:>9} "
      "{:>7} {:>7}\n",
      from, "run", "", "allocated", "error", "reserved", "error", "retries", "device");
  for (const RecordedRun& run : runs) {
    if (run.group != source->group || run.batch != source->batch) continue;
    if (run.torch != source->torch) continue;
    Truth(run);
    Row("  predicted", recorded::PlayLike(*loaded, run), &run);
  }
}

// Another version of PyTorch: what its allocator does otherwise, and what the program itself does.
void OtherVersion(const std::vector<RecordedRun>& runs, std::string_view from,
                  std::string_view to) {
  const RecordedRun* source = Find(runs, from);
  const RecordedRun* other = Find(runs, to);
  if (source == nullptr || other == nullptr) return;
  const auto mine = LoadRecording(source->path, {});
  const auto theirs = LoadRecording(other->path, {});
  if (!mine || !theirs) return;
  std::cout << fmt::format("\nanother version of PyTorch: {} and {}\n", from, to);
  Truth(*source);
  Row("  by the other's rules", recorded::PlayLike(*mine, *other), nullptr);
  Truth(*other);
  Row("  by its own rules", theirs->proofs[0].run, other);
  Row("  by the first's rules", recorded::PlayLike(*theirs, *source), nullptr);
}

}  // namespace

int main() {
  const auto data = recorded::DataFolder(VRAMCAST_SOURCE_DIR);
  const std::vector<RecordedRun> emulated = recorded::ReadRuns(data, "emulated");
  for (const auto& [name, runs] :
       {std::pair("public snapshots", recorded::ReadRuns(data, "snapshots")),
        std::pair("emulated runs", emulated)}) {
    if (runs.empty()) {
      std::cout << "no " << name << " in " << data << "; set VRAMCAST_DATA\n";
      continue;
    }
    Totals totals;
    for (const RecordedRun& run : runs) Prove(run, &totals);
    Print(totals, name);
  }
  WhatIf(emulated, "v-default");
  WhatIf(emulated, "v-expandable");
  OtherVersion(emulated, "v-default", "v-torch215-default");
  return 0;
}
