// The text and JSON forms of what a replay found.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "analysis/json.h"
#include "base/text.h"
#include "cli/replay_view.h"
#include "command/quote.h"

namespace vramcast::cli {
namespace {

using nlohmann::json;

std::string Peaks(const Run& run) {
  return fmt::format("peak {} allocated, {} reserved, {} retries, {} device allocations",
                     FormatBytes(run.peak.allocated), FormatBytes(run.peak.reserved),
                     run.statistics.num_alloc_retries, run.statistics.num_device_alloc);
}

std::string Conditions(const ReplayView& view) {
  std::string text = "PyTorch " + FormatTorchVersion(view.settings.torch);
  const std::string conf = FormatAllocConf(view.settings);
  text += conf.empty() ? ", default settings" : ", " + conf;
  if (view.spec.total) {
    text += fmt::format(", a device of {}{}", FormatBytes(*view.spec.total),
                        view.card.empty() ? "" : " (" + view.card + ")");
    text += fmt::format(", {} of it not for PyTorch",
                        FormatBytes(view.spec.other_processes + view.spec.context));
  }
  if (view.scale) text += fmt::format(", the batch times {:.4g}", *view.scale);
  return text;
}

void AddProof(const LoadedRecording& loaded, size_t d, Document* document) {
  const Proof& proof = loaded.proofs[d];
  const Reconstruction& start = loaded.starts[d];
  document->Add(Title{fmt::format("GPU {}: the model against the recording", d)});
  if (start.blocks > 0) {
    document->Add(Paragraph{fmt::format(
        "The recording begins in the middle of the program, with {} in {} blocks. That state was "
        "reconstructed from its end ({} unsplit tails inferred, {} blocks in no known segment).",
        FormatBytes(start.allocated), WithThousands(start.blocks), start.inferred_slack,
        start.unplaced)});
  }
  document->Add(Paragraph{
      fmt::format("Addresses claimed before looking: {} of {} right. Segments: {} of {}. Blocks at "
                  "the end: {} of {} equal.",
                  WithThousands(proof.at_recorded_address), WithThousands(proof.predicted),
                  WithThousands(proof.segments_predicted), WithThousands(proof.segments),
                  WithThousands(proof.final_blocks_equal), WithThousands(proof.final_blocks)),
      proof.exact() ? Tone::kGood : Tone::kWarning});
  if (proof.late_slack > 0) {
    document->Add(Paragraph{fmt::format(
        "{} allocations were not claimed: they are the first to show how large a block is that was "
        "there before the recording.",
        proof.late_slack)});
  }
  const uint32_t unclaimed = proof.allocations - proof.predicted - proof.late_slack;
  if (unclaimed > 0) {
    document->Add(
        Paragraph{fmt::format("{} allocations lie in memory that the recording says nothing about: "
                              "nothing could be claimed for them.",
                              WithThousands(unclaimed)),
                  Tone::kWarning});
  }
  document->Add(
      Paragraph{"Recorded: " + Peaks(proof.run) + (proof.ooms > 0 ? "; memory ran out." : ".")});
}

double PercentOff(Bytes predicted, Bytes recorded) {
  if (recorded == Bytes(0)) return 0;
  return 100 * (static_cast<double>(predicted.count()) / static_cast<double>(recorded.count()) - 1);
}

void AddScale(const DeviceRun& run, double factor, Document* document) {
  const ScaledProgram& scaled = *run.scaled;
  constexpr double kMostlyFound = 0.95;
  document->Add(Paragraph{
      fmt::format("The other recording's batch is {:.4g} times this one's. {:.1f} % of all bytes "
                  "asked for were found in both, {:.1f} % depend on the batch; {} allocations are "
                  "only here and {} only there.",
                  scaled.batch_ratio, 100 * scaled.matched_share, 100 * scaled.scaled_share,
                  WithThousands(scaled.unmatched), WithThousands(scaled.only_there)),
      scaled.matched_share < kMostlyFound || !scaled.aligned ? Tone::kWarning : Tone::kPlain});
  if (!scaled.aligned) {
    document->Add(Paragraph{
        "The two differ too much to be laid side by side: allocations were matched by their stacks "
        "alone.",
        Tone::kWarning});
  }
  if (run.check) {
    document->Add(Paragraph{fmt::format(
        "Checked on the other recording: predicted peak {} allocated ({:+.2f} %), {} reserved "
        "({:+.2f} %).",
        FormatBytes(run.check->predicted.allocated),
        PercentOff(run.check->predicted.allocated, run.check->recorded.allocated),
        FormatBytes(run.check->predicted.reserved),
        PercentOff(run.check->predicted.reserved, run.check->recorded.reserved))});
  }
  document->Add(Paragraph{
      scaled.Between(factor)
          ? "This batch lies between the two recordings: each size lies between two known ones."
          : "This batch lies beyond the two recordings: sizes are drawn out along the line through "
            "both, and an algorithm that is chosen only there is not seen."});
}

void AddSearch(const DeviceRun& run, Document* document) {
  Table table;
  table.header = {"outcome", "reserved", "allocated", "retries", "settings"};
  table.right_aligned = {false, true, true, true, false};
  for (const Candidate& candidate : run.candidates) {
    table.rows.push_back({candidate.run.oom ? "dies" : "lives",
                          FormatBytes(candidate.run.peak.reserved),
                          FormatBytes(candidate.run.peak.allocated),
                          std::to_string(candidate.run.statistics.num_alloc_retries),
                          candidate.conf.empty() ? "(default)" : candidate.conf});
  }
  document->Add(table);
  const Candidate& best = run.candidates.front();
  if (best.run.oom) {
    document->Add(Paragraph{
        "None of these settings saves it: the program needs less memory (a smaller batch or "
        "sequence) or a larger card.",
        Tone::kBad});
    return;
  }
  document->Add(Code{best.conf.empty() ? "unset PYTORCH_CUDA_ALLOC_CONF"
                                       : "export PYTORCH_CUDA_ALLOC_CONF=" + best.conf});
}

void AddWhatIf(const LoadedRecording& loaded, const ReplayView& view, size_t d,
               Document* document) {
  const DeviceRun& result = view.runs[d];
  document->Add(Title{"What if: " + Conditions(view)});
  if (result.run.oom) {
    const OutOfMemory& oom = *result.run.oom;
    const std::string when = oom.event == kStartOfTrace
                                 ? "It dies before the recording begins, of what was there already"
                                 : fmt::format("It dies at event {}", WithThousands(oom.event));
    document->Add(
        Paragraph{fmt::format("{}: {} asked for, {} allocated, {} reserved, largest free block {}.",
                              when, FormatBytes(oom.requested), FormatBytes(oom.allocated),
                              FormatBytes(oom.reserved), FormatBytes(oom.largest_free_block)),
                  Tone::kBad});
  } else {
    document->Add(Paragraph{"It lives.", Tone::kGood});
  }
  document->Add(Paragraph{"Then: " + Peaks(result.run) + "."});
  if (!result.run.oom && loaded.proofs[d].ooms > 0) {
    document->Add(Paragraph{
        "The recording ends where memory ran out: what the program would have asked for next is "
        "not known.",
        Tone::kWarning});
  }
  if (result.relaid) {
    document->Add(Paragraph{
        "What was there before the recording was laid out anew in order of address; how the "
        "program really built it up is not known.",
        Tone::kWarning});
  }
  if (result.scaled) AddScale(result, *view.scale, document);
  if (!result.candidates.empty()) AddSearch(result, document);
}

json ToJson(const Peak& peak) {
  return {{"peak_allocated_bytes", peak.allocated.count()},
          {"peak_reserved_bytes", peak.reserved.count()}};
}

json ToJson(const Run& run) {
  json object = ToJson(run.peak);
  object["lived"] = !run.oom.has_value();
  object["oom"] = run.oom ? vramcast::ToJson(*run.oom) : json(nullptr);
  object["allocated_bytes"] = run.allocated_at_end.count();
  object["reserved_bytes"] = run.reserved_at_end.count();
  object["num_alloc_retries"] = run.statistics.num_alloc_retries;
  object["num_device_alloc"] = run.statistics.num_device_alloc;
  object["num_device_free"] = run.statistics.num_device_free;
  return object;
}

json ScaleJson(const DeviceRun& run, double factor) {
  const ScaledProgram& scaled = *run.scaled;
  json object = {{"factor", factor},
                 {"other_batch_ratio", scaled.batch_ratio},
                 {"between_recordings", scaled.Between(factor)},
                 {"matched_share", scaled.matched_share},
                 {"scaled_share", scaled.scaled_share},
                 {"allocations_only_here", scaled.unmatched},
                 {"allocations_only_there", scaled.only_there},
                 {"aligned", scaled.aligned},
                 {"check", nullptr}};
  if (run.check) {
    object["check"] = {{"predicted", ToJson(run.check->predicted)},
                       {"recorded", ToJson(run.check->recorded)}};
  }
  return object;
}

}  // namespace

Document ReplayDocument(const LoadedRecording& loaded, const ReplayView& view) {
  Document document;
  document.Add(Title{view.file});
  bool died = false;
  for (size_t d = 0; d < view.runs.size(); ++d) {
    const DeviceRecording& device = loaded.recording->devices[d];
    if (device.trace.events.empty() && device.segments.empty()) continue;
    AddProof(loaded, d, &document);
    if (view.what_if) AddWhatIf(loaded, view, d, &document);
    died = died || view.runs[d].run.oom.has_value() || loaded.proofs[d].ooms > 0;
  }
  if (view.explain) {
    document.Add(Title{"Where the numbers come from"});
    document.Add(Bullet{
        "Only sizes, streams and frees of the recording are used; every address and segment is the "
        "model's own. A program that would react (retry after running out, choose another "
        "algorithm for lack of memory) is played as it ran."});
    document.Add(Bullet{"Device memory is charged in pages of 2 MiB."});
  }
  if (!view.search) {
    document.Add(Paragraph{died ? "Which allocator settings would save it:"
                                : "Which allocator settings would do with least:"});
    document.Add(
        Code{fmt::format("vramcast replay {}{} --search", command::Quote(view.file), view.asked)});
  }
  return document;
}

json ReplayJson(const LoadedRecording& loaded, const ReplayView& view) {
  json object = {{"schema", "vramcast.replay"},
                 {"version", 1},
                 {"file", view.file},
                 {"what_if", view.what_if},
                 {"settings", vramcast::ToJson(view.settings)},
                 {"recorded_settings", vramcast::ToJson(loaded.settings)},
                 {"total_bytes", view.spec.total ? json(view.spec.total->count()) : json(nullptr)},
                 {"other_bytes", (view.spec.other_processes + view.spec.context).count()},
                 {"devices", json::array()}};
  for (size_t d = 0; d < view.runs.size(); ++d) {
    const Proof& proof = loaded.proofs[d];
    const DeviceRun& run = view.runs[d];
    json device = vramcast::ToJson(proof);
    device["device"] = d;
    device.update(ToJson(run.run));
    device["statistics"] = vramcast::ToJson(run.run.statistics);
    device["recorded"] = ToJson(proof.run);
    device["start_blocks"] = loaded.starts[d].blocks;
    device["start_inferred_slack"] = loaded.starts[d].inferred_slack;
    device["relaid"] = run.relaid;
    if (run.scaled) device["scale_batch"] = ScaleJson(run, *view.scale);
    if (view.search) {
      device["search"] = json::array();
      for (const Candidate& candidate : run.candidates) {
        json row = ToJson(candidate.run);
        row["alloc_conf"] = candidate.conf;
        device["search"].push_back(std::move(row));
      }
    }
    object["devices"].push_back(std::move(device));
  }
  return object;
}

}  // namespace vramcast::cli
