#include "cli/gpu_text.h"

#include <fmt/format.h>

#include <cmath>

#include "gpu/leftover.h"

namespace vramcast::cli {
namespace {

using gpu::Gpu;
using gpu::GpuProcess;
using gpu::Machine;

std::string OrUnknown(std::optional<Bytes> size) { return size ? FormatBytes(*size) : "unknown"; }

std::string Details(const Gpu& gpu) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (gpu.capability) add("compute capability " + Format(*gpu.capability));
  if (gpu.ecc_enabled) add(*gpu.ecc_enabled ? "ECC on" : "ECC off");
  if (gpu.mig_enabled.value_or(false)) add(fmt::format("MIG: {} instances", gpu.instances.size()));
  if (gpu.utilisation) add(fmt::format("{} % busy", *gpu.utilisation));
  if (gpu.temperature) add(fmt::format("{} °C", *gpu.temperature));
  return text;
}

// A command line within a table: what matters is at its end and its beginning.
std::string Shortened(const std::string& command, size_t most) {
  if (command.size() <= most) return command;
  return command.substr(0, most - 3) + "...";
}

std::string Described(const GpuProcess& process) {
  if (process.hidden) return "(another namespace or user)";
  if (process.command_line) return *process.command_line;
  return process.name.value_or("(unknown)");
}

}  // namespace

std::string FormatSeconds(double seconds) {
  if (!std::isfinite(seconds)) return "never";
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  const double minutes = seconds / 60;
  if (minutes < 90) return fmt::format("{:.0f} min", minutes);
  const double hours = minutes / 60;
  if (hours < 10) {
    const auto rounded = static_cast<int64_t>(std::llround(minutes / 10) * 10);
    return rounded % 60 == 0 ? fmt::format("{} h", rounded / 60)
                             : fmt::format("{} h {} min", rounded / 60, rounded % 60);
  }
  if (hours < 48) return fmt::format("{:.0f} h", hours);
  return fmt::format("{:.0f} days", hours / 24);
}

void AddGpus(const Machine& machine, Document* document) {
  Bars bars;
  Table table{.header = {"GPU", "name", "for programs", "free", ""},
              .rows = {},
              .right_aligned = {true, false, true, true}};
  for (size_t g = 0; g < machine.gpus.size(); ++g) {
    const Gpu& gpu = machine.gpus[g];
    const auto whole = CapacityOf(machine, {.gpu = g});
    table.rows.push_back({std::to_string(gpu.index), gpu.name,
                          OrUnknown(whole ? std::optional(whole->total) : std::nullopt),
                          OrUnknown(gpu.free), Details(gpu)});
    for (size_t i = 0; i < gpu.instances.size(); ++i) {
      const auto slice = CapacityOf(machine, {.gpu = g, .instance = i});
      table.rows.push_back({"", "MIG " + gpu.instances[i].name,
                            OrUnknown(slice ? std::optional(slice->total) : std::nullopt),
                            OrUnknown(gpu.instances[i].free), gpu.instances[i].uuid});
    }
    if (!whole || !whole->other) continue;
    bars.bars.push_back({.label = fmt::format("GPU {}", gpu.index),
                         .value = 100.0 * static_cast<double>(whole->other->count()) /
                                  static_cast<double>(std::max<int64_t>(whole->total.count(), 1)),
                         .note = fmt::format("{} of {} in use", FormatBytes(*whole->other),
                                             FormatBytes(whole->total))});
  }
  document->Add(std::move(table));
  bars.scale = 100;
  if (!bars.bars.empty()) document->Add(std::move(bars));
}

void AddProcesses(const Machine& machine, Document* document) {
  Table table{.header = {"GPU", "pid", "user", "memory", "command"},
              .rows = {},
              .right_aligned = {true, true, false, true}};
  for (const Gpu& gpu : machine.gpus) {
    for (const GpuProcess& process : gpu.processes) {
      table.rows.push_back({std::to_string(gpu.index), std::to_string(process.pid),
                            process.user.value_or("?"), OrUnknown(process.used),
                            Shortened(Described(process), 160)});
    }
  }
  if (table.rows.empty()) return;
  document->Add(Title{"Who holds memory"});
  document->Add(std::move(table));
}

void AddLeftovers(const Machine& machine, Document* document) {
  bool first = true;
  for (const Gpu& gpu : machine.gpus) {
    for (const GpuProcess& process : gpu.processes) {
      if (!process.leftover || !process.end_command) continue;
      if (first) document->Add(Title{"Left over from an earlier run?"});
      first = false;
      document->Add(
          Bullet{fmt::format("Process {} ({}) holds {} on GPU {}: {}.", process.pid,
                             process.name.value_or("no name"),
                             process.used ? FormatBytes(*process.used) : "an unknown amount",
                             gpu.index, gpu::LeftoverReason(*process.leftover)),
                 Tone::kWarning});
      document->Add(Code{*process.end_command});
    }
  }
}

}  // namespace vramcast::cli
