#include "cli/history_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "cli/gpu_text.h"
#include "cli/history_growth.h"
#include "cli/moment.h"

namespace vramcast::cli {
namespace {

using store::GpuRow;
using store::RunRow;

// A run whose newest sample is this old has been killed, or the machine has.
constexpr double kSilent = 120;  // seconds
constexpr size_t kMostProcesses = 8;

Bytes Peak(const RunRow& run) {
  Bytes peak;
  for (const GpuRow& gpu : run.gpus) peak = std::max(peak, gpu.peak);
  return peak;
}

std::string Signed(Bytes difference) {
  return difference < Bytes(0) ? "-" + FormatBytes(-difference) : "+" + FormatBytes(difference);
}

std::string Share(const GpuRow& gpu) {
  if (!gpu.capacity || gpu.capacity->count() <= 0) return "";
  return fmt::format(
      " of {} ({:.0f} %)", FormatBytes(*gpu.capacity),
      100.0 * static_cast<double>(gpu.peak.count()) / static_cast<double>(gpu.capacity->count()));
}

const GpuRow* Find(const RunRow& run, int index) {
  const auto found = std::find_if(run.gpus.begin(), run.gpus.end(),
                                  [&](const GpuRow& gpu) { return gpu.index == index; });
  return found == run.gpus.end() ? nullptr : &*found;
}

std::string GrowthOfGpu(const GrowthByGpu& growth, const GpuRow& gpu) {
  const auto found = growth.find(gpu.id);
  return found == growth.end() ? "its samples are gone" : GrowthWords(found->second);
}

void AddOwnPeaks(const RunRow& run, Document* document) {
  if (!run.end || !run.end->peak_allocated) return;
  document->Add(Bullet{fmt::format(
      "The program itself says: {} allocated at most{}.", FormatBytes(*run.end->peak_allocated),
      run.end->peak_reserved ? ", " + FormatBytes(*run.end->peak_reserved) + " reserved" : "")});
}

}  // namespace

double Duration(const RunRow& run) {
  return std::max(0.0, (run.end ? run.end->ended : run.last_seen) - run.start.began);
}

std::string EndWords(const RunRow& run, double now) {
  if (!run.end) return now - run.last_seen < kSilent ? "goes on" : "end not seen";
  std::string words = run.end->outcome.empty() ? "ended" : run.end->outcome;
  std::replace(words.begin(), words.end(), '_', ' ');
  if (run.end->exit_code.value_or(0) != 0) words += fmt::format(" ({})", *run.end->exit_code);
  return words;
}

Document DescribeRuns(const std::vector<RunRow>& runs, double now) {
  Document document;
  document.Add(Title{"What was recorded"});
  Table table{.header = {"run", "began", "took", "GPUs", "peak", "ended", "command"},
              .rows = {},
              .right_aligned = {true, false, true, true, true}};
  for (const RunRow& run : runs) {
    table.rows.push_back({std::to_string(run.id), FormatMoment(run.start.began),
                          FormatSeconds(Duration(run)), std::to_string(run.gpus.size()),
                          run.gpus.empty() ? "" : FormatBytes(Peak(run)), EndWords(run, now),
                          run.start.command});
  }
  document.Add(std::move(table));
  document.Add(Paragraph{"The peak is the highest of a GPU, as the driver counts it."});
  document.Add(Code{fmt::format("vramcast history --run {}", runs.back().id)});
  if (runs.size() > 1) {
    document.Add(Code{
        fmt::format("vramcast history --compare {} {}", runs[runs.size() - 2].id, runs.back().id)});
  }
  return document;
}

Document DescribeRun(const RunRow& run, const GrowthByGpu& growth, double now) {
  Document document;
  document.Add(Title{fmt::format("Run {}: {}, {}", run.id, FormatMoment(run.start.began),
                                 FormatSeconds(Duration(run)))});
  document.Add(Code{run.start.command});
  document.Add(Bullet{fmt::format(
      "On {}: {}{}.", run.host.empty() ? "this machine" : run.host, EndWords(run, now),
      run.start.attempt > 1 ? fmt::format(", attempt {}", run.start.attempt) : std::string())});
  AddOwnPeaks(run, &document);
  for (const GpuRow& gpu : run.gpus) {
    std::string at = FormatSeconds(gpu.peak_time - run.start.began) + " after the beginning";
    document.Add(
        Bullet{fmt::format("GPU {} ({}): at most {}{}, {}; {} at the end; {} ({} samples).",
                           gpu.index, gpu.name, FormatBytes(gpu.peak), Share(gpu), at,
                           FormatBytes(gpu.last_used), GrowthOfGpu(growth, gpu), gpu.samples)});
    size_t shown = 0;
    for (const store::ProcessRow& process : gpu.processes) {
      if (++shown > kMostProcesses) break;
      document.Add(
          Bullet{fmt::format("GPU {}, process {} ({}): at most {}.", gpu.index, process.pid,
                             process.name.value_or("name not known"),
                             process.peak ? FormatBytes(*process.peak) : std::string("not told"))});
    }
    if (gpu.processes.size() > kMostProcesses) {
      document.Add(
          Bullet{fmt::format("And {} more processes.", gpu.processes.size() - kMostProcesses)});
    }
  }
  if (run.gpus.empty()) document.Add(Bullet{"No GPU was seen during it."});
  document.Add(Code{fmt::format("vramcast history --run {0} --export run{0}.csv", run.id)});
  return document;
}

Document DescribeComparison(const ComparedRun& a, const ComparedRun& b, double now) {
  Document document;
  document.Add(Title{fmt::format("Run {} and run {}", a.run.id, b.run.id)});
  document.Add(Code{fmt::format("{}: {}", a.run.id, a.run.start.command)});
  document.Add(Code{fmt::format("{}: {}", b.run.id, b.run.start.command)});
  Table table{.header = {"", fmt::format("run {}", a.run.id), fmt::format("run {}", b.run.id),
                         "difference"},
              .rows = {},
              .right_aligned = {false, true, true, true}};
  table.rows.push_back(
      {"began", FormatMoment(a.run.start.began), FormatMoment(b.run.start.began), ""});
  const double longer = Duration(b.run) - Duration(a.run);
  table.rows.push_back({"took", FormatSeconds(Duration(a.run)), FormatSeconds(Duration(b.run)),
                        (longer < 0 ? "-" : "+") + FormatSeconds(std::abs(longer))});
  table.rows.push_back({"ended", EndWords(a.run, now), EndWords(b.run, now), ""});
  std::set<int> indices;
  for (const GpuRow& gpu : a.run.gpus) indices.insert(gpu.index);
  for (const GpuRow& gpu : b.run.gpus) indices.insert(gpu.index);
  for (const int index : indices) {
    const GpuRow* one = Find(a.run, index);
    const GpuRow* two = Find(b.run, index);
    const auto peak = [](const GpuRow* gpu) {
      return gpu == nullptr ? std::string("not seen") : FormatBytes(gpu->peak);
    };
    table.rows.push_back({fmt::format("GPU {} peak", index), peak(one), peak(two),
                          one != nullptr && two != nullptr ? Signed(two->peak - one->peak) : ""});
    table.rows.push_back({fmt::format("GPU {} growth", index),
                          one == nullptr ? "" : GrowthOfGpu(a.growth, *one),
                          two == nullptr ? "" : GrowthOfGpu(b.growth, *two), ""});
  }
  const auto allocated = [](const RunRow& run) {
    return run.end ? run.end->peak_allocated : std::optional<Bytes>();
  };
  if (allocated(a.run) && allocated(b.run)) {
    table.rows.push_back({"allocated, peak", FormatBytes(*allocated(a.run)),
                          FormatBytes(*allocated(b.run)),
                          Signed(*allocated(b.run) - *allocated(a.run))});
  }
  document.Add(std::move(table));
  return document;
}

}  // namespace vramcast::cli
