#include "cli/watch_summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/gpu_text.h"
#include "cli/watch_ahead.h"
#include "cli/watch_words.h"

namespace vramcast::cli {
namespace {

using monitor::GpuReport;
using monitor::Growth;
using monitor::GrowthKind;
using monitor::PhaseVerdict;
using monitor::Report;

void AddGrowth(const GpuReport& gpu, const Report& report, Document* document) {
  const Growth& growth = gpu.growth;
  document->Add(Bullet{
      fmt::format("GPU {} ({}): {} now, {} at most; {}.", gpu.sample.index, gpu.sample.name,
                  FormatBytes(gpu.sample.used), FormatBytes(gpu.peak), VerdictText(gpu, report)),
      growth.certain ? Tone::kBad : Tone::kPlain});
  if (growth.kind != GrowthKind::kGrowing) return;
  document->Add(Bullet{fmt::format(
      "{} in {} rises over {}{}.", FormatBytes(growth.grown), growth.rises,
      FormatSeconds(growth.seconds),
      growth.certain ? "" : "; not long enough to rule out a load that is still building up")});
  if (!gpu.grower) return;
  const monitor::ProcessReport& process = gpu.processes[*gpu.grower];
  const double rate = process.growth.bytes_per_second->value;
  const bool other = gpu.other() != nullptr;
  document->Add(
      Paragraph{fmt::format("  It is {} that grows{}: {} now, {}.", ProcessText(process.sample),
                            other ? ", not the run" : "", FormatBytes(*process.sample.used),
                            other ? RateInTimeText(rate) : RateText(rate, report))});
}

void AddAhead(const Report& report, Document* document) {
  std::vector<const GpuReport*> gpus;
  for (const GpuReport& gpu : report.gpus) gpus.push_back(&gpu);
  const std::vector<AheadOnGpu> worst = WorstAhead(gpus);
  if (worst.empty()) return;
  document->Add(Title{"Ahead"});
  std::string fitting;
  for (const AheadOnGpu& one : worst) {
    if (one.phase.verdict == PhaseVerdict::kFits) {
      const std::string when = WhenText(one.phase, report);
      fitting += fmt::format("{}{}{}", fitting.empty() ? "" : ", ", PhaseText(one.phase),
                             when.empty() ? "" : " (" + when + ")");
      continue;
    }
    const std::string where =
        gpus.size() > 1 ? fmt::format("GPU {}: ", one.gpu->sample.index) : std::string();
    document->Add(
        Bullet{where + AheadText(one.phase, report) + ".",
               one.phase.verdict == PhaseVerdict::kWillFail ? Tone::kBad : Tone::kWarning});
  }
  if (!fitting.empty()) document->Add(Bullet{"What fits: " + fitting + "."});
}

// The flag without which nanochat leaves a phase out; empty where it does not.
std::string_view LeavesOut(Phase phase) {
  if (phase == Phase::kCoreMetric) return "--core-metric-every=-1";
  if (phase == Phase::kEvaluation) return "--eval-every=-1";
  return phase == Phase::kSampling ? "--sample-every=-1" : "";
}

// What helps where a phase ahead does not fit, with the command that says more.
void AddFits(const AheadOnGpu& tight, const std::string& command, Document* document) {
  const GpuReport& gpu = *tight.gpu;
  const Bytes others = gpu.sample.capacity.value_or(tight.phase.room) - tight.phase.room;
  document->Add(Title{"What to do"});
  if (others > Bytes(0) && tight.phase.needs <= tight.phase.room + others) {
    std::string text = fmt::format("Without the {} that others hold on GPU {} it would fit",
                                   FormatBytes(others), gpu.sample.index);
    const char* before = ":";
    for (const monitor::ProcessReport& process : gpu.processes) {
      if (!process.sample.used || process.sample.pid == gpu.run_pid) continue;
      text += fmt::format("{} {} holds {}", before, ProcessText(process.sample),
                          FormatBytes(*process.sample.used));
      before = ",";
    }
    document->Add(Bullet{text + "."});
  }
  if (const std::string_view flag = LeavesOut(tight.phase.phase); !flag.empty()) {
    document->Add(
        Bullet{fmt::format("{} leaves the {} out.", flag, PhaseTitle(tight.phase.phase))});
  }
  document->Add(Bullet{"Which flags make it fit, if any do:"});
  const std::string shared =
      others > Bytes(0) ? fmt::format(" --other-processes {:.0f}MiB", others.mib()) : "";
  document->Add(
      Code{fmt::format("vramcast fix --gpu \"{}\"{} -- {}", gpu.sample.name, shared, command)});
}

void AddAdvice(const WatchSummary& summary, Document* document) {
  const Report& report = *summary.report;
  const std::string command = summary.command.empty() ? "COMMAND" : summary.command;
  std::vector<const GpuReport*> gpus;
  for (const GpuReport& gpu : report.gpus) gpus.push_back(&gpu);
  const std::vector<AheadOnGpu> worst = WorstAhead(gpus);
  const auto tight = std::max_element(
      worst.begin(), worst.end(),
      [](const AheadOnGpu& a, const AheadOnGpu& b) { return a.phase.verdict < b.phase.verdict; });
  if (tight != worst.end() && tight->phase.verdict != PhaseVerdict::kFits) {
    AddFits(*tight, command, document);
  }
  bool own_leak = false;
  for (const GpuReport& gpu : report.gpus) {
    if (!gpu.growth.certain) continue;
    const monitor::ProcessReport* other = gpu.other();
    own_leak = own_leak || other == nullptr;
    if (other == nullptr) continue;
    document->Add(Paragraph{
        fmt::format("The run on GPU {} will run out of memory because of {}: end it, or let it use "
                    "another GPU.",
                    gpu.sample.index, ProcessText(other->sample))});
  }
  if (!own_leak) return;
  document->Add(Paragraph{
      "To see which lines of the program keep what they allocate, run it so that it records its "
      "allocations; what it leaves behind is read by vramcast snapshot:"});
  document->Add(Code{fmt::format("vramcast run -- {}", command)});
}

void AddMethod(Document* document) {
  document->Add(Title{"How this is judged"});
  for (const std::string_view line : monitor::GrowthMethod()) {
    document->Add(Bullet{std::string(line)});
  }
  document->Add(Bullet{
      "The time left in steps is the time left at the present pace, with the interval of both."});
  document->Add(Bullet{
      "Phases ahead: the run is forecast from its command and played on an allocator that may take "
      "what the card leaves (its size less what others hold now). What the process holds now, less "
      "what the forecast expects it to hold by this step, is added to every later phase, and so is "
      "what a leak will have taken by then. A phase will not fit if even the low end of the "
      "forecast is too large, and may not fit if only the high end is."});
}

}  // namespace

Document DescribeWatch(const WatchSummary& summary) {
  const Report& report = *summary.report;
  Document document;
  document.Add(Title{fmt::format("After {} sample{}", WithThousands(summary.samples),
                                 summary.samples == 1 ? "" : "s")});
  if (!summary.ended.empty()) document.Add(Bullet{AsSentence(summary.ended)});
  if (const std::string step = StepText(report); !step.empty()) {
    document.Add(Bullet{AsSentence(step)});
  }
  for (const GpuReport& gpu : report.gpus) AddGrowth(gpu, report, &document);
  if (report.gpus.empty()) {
    document.Add(Paragraph{"The driver tells no GPU's used memory.", Tone::kWarning});
  }
  AddAhead(report, &document);
  AddAdvice(summary, &document);
  for (const std::string& note : summary.notes) document.Add(Bullet{AsSentence(note)});
  if (summary.skipped > 0) {
    document.Add(
        Paragraph{fmt::format("{} lines were no samples and were passed over.", summary.skipped),
                  Tone::kWarning});
  }
  if (summary.explain) AddMethod(&document);
  return document;
}

}  // namespace vramcast::cli
