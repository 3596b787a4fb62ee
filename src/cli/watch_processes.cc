#include "cli/watch_processes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/watch_words.h"

namespace vramcast::cli {
namespace {

using monitor::GrowthKind;
using monitor::ProcessReport;

struct Row {
  std::array<std::string, 6> cells;  // GPU, pid, user, memory, peak, growth
  std::string command;
  Ink ink = Ink::kPlain;
};

std::string Known(const std::optional<Bytes>& size) {
  return size ? FormatBytes(*size) : std::string("unknown");
}

std::string GrowthText(const monitor::GpuReport& gpu, const ProcessReport& process,
                       const monitor::Report& report) {
  switch (process.growth.kind) {
    case GrowthKind::kTooEarly:
      return "";
    case GrowthKind::kSteady:
      return "steady";
    case GrowthKind::kJumped:
      return "jumped";
    case GrowthKind::kGrowing:
      break;
  }
  const double rate = process.growth.bytes_per_second->value;
  return "+" + (gpu.other() == &process ? RateInTimeText(rate) : RateText(rate, report));
}

// Where the program lies is not what tells one run from another.
std::string WithoutFolder(const std::string& command) {
  const size_t end = std::min(command.find(' '), command.size());
  const size_t slash = command.rfind('/', end);
  return slash == std::string::npos || slash > end ? command : command.substr(slash + 1);
}

Row RowOf(const monitor::GpuReport& gpu, const ProcessReport& process,
          const monitor::Report& report) {
  const monitor::ProcessSample& sample = process.sample;
  Row row;
  row.cells = {std::to_string(gpu.sample.index),
               std::to_string(sample.pid),
               sample.user.value_or("?"),
               Known(sample.used),
               sample.used ? FormatBytes(process.peak) : "",
               GrowthText(gpu, process, report)};
  row.command = sample.command_line ? WithoutFolder(*sample.command_line)
                                    : sample.name.value_or("(name not known)");
  if (process.growth.kind == GrowthKind::kGrowing) row.ink = Ink::kWarning;
  return row;
}

}  // namespace

int DrawProcesses(const std::vector<const monitor::GpuReport*>& gpus, const monitor::Report& report,
                  int row, int last, ScreenGrid* grid) {
  constexpr int kLeft = 1;
  constexpr std::array<bool, 6> kRightAligned = {true, true, false, true, true, false};
  Row head;
  head.cells = {"GPU", "pid", "user", "memory", "peak", "growth"};
  head.command = "command";
  head.ink = Ink::kDim;
  std::vector<Row> rows;
  for (const monitor::GpuReport* gpu : gpus) {
    for (const ProcessReport& process : gpu->processes) {
      rows.push_back(RowOf(*gpu, process, report));
    }
  }
  // A header and one line at least, or nothing.
  const int room = last - row;
  if (rows.empty() || room < 2) return row;
  const size_t fitting = static_cast<size_t>(room - 1);
  const size_t shown = rows.size() <= fitting ? rows.size() : fitting - 1;
  const size_t hidden = rows.size() - shown;
  rows.resize(shown);
  rows.insert(rows.begin(), head);
  std::array<int, 6> widths{};
  for (const Row& one : rows) {
    for (size_t i = 0; i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], WidthOf(one.cells[i]));
    }
  }
  for (const Row& one : rows) {
    int column = kLeft;
    for (size_t i = 0; i < widths.size(); ++i) {
      const int indent = kRightAligned[i] ? widths[i] - WidthOf(one.cells[i]) : 0;
      grid->Put(row, column + indent, one.cells[i], one.ink);
      column += widths[i] + 2;
    }
    grid->Put(row, column, one.command, one.ink, std::max(0, grid->columns() - kLeft - column));
    ++row;
  }
  if (hidden > 0) {
    grid->Put(row++, kLeft, fmt::format("… and {} more", hidden), Ink::kDim);
  }
  return row;
}

}  // namespace vramcast::cli
