#include "gpu/smi_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "gpu/card_name.h"
#include "gpu/nvml_api.h"

namespace vramcast::gpu {
namespace {

using namespace literals;  // NOLINT: sizes

std::vector<std::string> Cells(std::string_view line) {
  std::vector<std::string> cells;
  for (const std::string_view cell : Split(line, ',')) cells.emplace_back(Trim(cell));
  return cells;
}

// A value that nvidia-smi would not tell: "[N/A]", "N/A", "[Not Supported]", "[Insufficient
// Permissions]", "[Unknown Error]", "[GPU is lost]".
std::optional<std::string> Told(const std::string& cell) {
  if (cell.empty() || cell.front() == '[' || EqualsIgnoreCase(cell, "N/A")) return std::nullopt;
  return cell;
}

// "24576 MiB", or "24576" under --format=nounits, which counts MiB.
std::optional<Bytes> Size(const std::string& cell) {
  const auto told = Told(cell);
  if (!told) return std::nullopt;
  const auto bare = ParseInt(*told);
  if (bare)
    return *bare >= 0 && *bare < (int64_t{1} << 40) ? std::optional(Bytes(*bare << 20))
                                                    : std::nullopt;
  const auto bytes = ParseBytes(*told);
  return bytes ? std::optional(*bytes) : std::nullopt;
}

std::optional<int> Number(const std::string& cell) {
  const auto told = Told(cell);
  if (!told) return std::nullopt;
  const auto value = ParseInt(Trim(std::string_view(*told).substr(0, told->find(' '))));
  if (!value || *value < 0 || *value > 100000) return std::nullopt;
  return static_cast<int>(*value);
}

std::optional<bool> Switch(const std::string& cell) {
  const auto told = Told(cell);
  if (!told) return std::nullopt;
  return EqualsIgnoreCase(*told, "Enabled");
}

std::optional<ComputeCapability> Capability(const std::string& cell) {
  const size_t dot = cell.find('.');
  if (dot == std::string::npos) return std::nullopt;
  const auto major = ParseInt(std::string_view(cell).substr(0, dot));
  const auto minor = ParseInt(std::string_view(cell).substr(dot + 1));
  if (!major || !minor) return std::nullopt;
  return ComputeCapability{static_cast<int>(*major), static_cast<int>(*minor)};
}

// A table with a header line. Values are reached by the column's name without its unit.
class SmiTable {
 public:
  // `open` is the column whose values may hold commas: what is too much belongs to it.
  SmiTable(std::string_view csv, std::string_view open) {
    for (std::string_view line : Split(csv, '\n')) {
      line = Trim(line);
      if (line.empty()) continue;
      std::vector<std::string> cells = Cells(line);
      if (columns_.empty()) {
        ReadHeader(cells, open);
      } else {
        AddRow(std::move(cells));
      }
    }
  }

  bool has_header() const { return !columns_.empty(); }
  size_t skipped() const { return skipped_; }
  size_t size() const { return rows_.size(); }
  const std::string& At(size_t row, const std::string& column) const {
    static const std::string unknown = "[N/A]";
    const auto at = columns_.find(column);
    return at == columns_.end() ? unknown : rows_[row][at->second];
  }

 private:
  void ReadHeader(const std::vector<std::string>& cells, std::string_view open) {
    // Warnings may come before the header ("WARNING: infoROM is corrupted at gpu …").
    if (std::find_if(cells.begin(), cells.end(), [](const std::string& cell) {
          return cell == "name" || cell == "pid" || cell == "index" || cell == "uuid";
        }) == cells.end()) {
      return;
    }
    width_ = cells.size();
    for (size_t i = 0; i < cells.size(); ++i) {
      std::string name(Trim(std::string_view(cells[i]).substr(0, cells[i].find('['))));
      if (name == open) open_ = i;
      columns_.emplace(std::move(name), i);
    }
  }
  void AddRow(std::vector<std::string> cells) {
    if (open_ && cells.size() > width_) {
      const size_t extra = cells.size() - width_;
      for (size_t i = 0; i < extra; ++i) {
        cells[*open_] += ", " + cells[*open_ + 1];
        cells.erase(cells.begin() + static_cast<ptrdiff_t>(*open_) + 1);
      }
    }
    if (cells.size() != width_) {
      ++skipped_;
      return;
    }
    rows_.push_back(std::move(cells));
  }

  std::map<std::string, size_t> columns_;
  std::optional<size_t> open_;
  size_t width_ = 0;
  size_t skipped_ = 0;
  std::vector<std::vector<std::string>> rows_;
};

Gpu ReadGpu(const SmiTable& table, size_t row) {
  Gpu gpu;
  gpu.index = Number(table.At(row, "index")).value_or(static_cast<int>(row));
  gpu.name = Told(table.At(row, "name")).value_or("unknown GPU");
  gpu.uuid = Told(table.At(row, "uuid"));
  gpu.pci_bus = Told(table.At(row, "pci.bus_id"));
  gpu.total = Size(table.At(row, "memory.total"));
  gpu.used = Size(table.At(row, "memory.used"));
  gpu.free = Size(table.At(row, "memory.free"));
  gpu.reserved = Size(table.At(row, "memory.reserved"));
  gpu.capability = Capability(table.At(row, "compute_cap"));
  gpu.mig_enabled = Switch(table.At(row, "mig.mode.current"));
  gpu.ecc_enabled = Switch(table.At(row, "ecc.mode.current"));
  gpu.utilisation = Number(table.At(row, "utilization.gpu"));
  gpu.temperature = Number(table.At(row, "temperature.gpu"));
  return gpu;
}

// "/usr/bin/python3" -> "python3"
std::string LastPart(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::vector<std::string> SmiGpuColumns() {
  return {"index",
          "name",
          "uuid",
          "pci.bus_id",
          "driver_version",
          "memory.total",
          "memory.used",
          "memory.free",
          "utilization.gpu",
          "temperature.gpu",
          "ecc.mode.current",
          "mig.mode.current",
          "compute_cap",
          "memory.reserved"};
}

std::optional<std::string> InvalidSmiColumn(std::string_view error) {
  const size_t mark = error.find("is not a valid field");
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view before = error.substr(0, mark);
  const size_t close = before.rfind('"');
  const size_t open = close == std::string_view::npos ? close : before.rfind('"', close - 1);
  if (open == std::string_view::npos || close == 0) return std::nullopt;
  return std::string(before.substr(open + 1, close - open - 1));
}

Result<Machine> ParseSmiGpus(std::string_view csv) {
  const SmiTable table(csv, "name");
  if (!table.has_header()) {
    return UnreadableError("nvidia-smi printed no table of GPUs");
  }
  Machine machine{.source = "nvidia-smi"};
  for (size_t row = 0; row < table.size(); ++row) {
    machine.gpus.push_back(ReadGpu(table, row));
    if (!machine.driver_version) machine.driver_version = Told(table.At(row, "driver_version"));
  }
  if (table.skipped() > 0) {
    machine.notes.push_back(
        fmt::format("{} lines of nvidia-smi could not be read", table.skipped()));
  }
  return machine;
}

void AddSmiProcesses(std::string_view csv, Machine* machine) {
  const SmiTable table(csv, "process_name");
  size_t skipped = table.skipped();
  for (size_t row = 0; row < table.size(); ++row) {
    const auto pid = ParseInt(table.At(row, "pid"));
    const auto uuid = Told(table.At(row, "gpu_uuid"));
    const auto gpu = std::find_if(machine->gpus.begin(), machine->gpus.end(),
                                  [&uuid](const Gpu& g) { return uuid && g.uuid == uuid; });
    if (!pid || gpu == machine->gpus.end()) {
      ++skipped;
      continue;
    }
    GpuProcess process{.pid = *pid, .used = Size(table.At(row, "used_gpu_memory"))};
    if (const auto name = Told(table.At(row, "process_name"))) process.name = LastPart(*name);
    gpu->processes.push_back(std::move(process));
  }
  if (skipped > 0) {
    machine->notes.push_back(
        fmt::format("{} processes of nvidia-smi could not be assigned to a GPU", skipped));
  }
}

void AddSmiInstances(std::string_view list, Machine* machine) {
  // "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-…)"
  // "  MIG 1g.5gb      Device  0: (UUID: MIG-…)"
  Gpu* gpu = nullptr;
  for (const std::string_view raw : Split(list, '\n')) {
    const std::string_view line = Trim(raw);
    const size_t mark = line.find("UUID: ");
    if (mark == std::string_view::npos) continue;
    const std::string uuid(line.substr(mark + 6, line.find(')', mark) - mark - 6));
    if (line.starts_with("GPU ")) {
      const auto found = std::find_if(machine->gpus.begin(), machine->gpus.end(),
                                      [&uuid](const Gpu& g) { return g.uuid == uuid; });
      gpu = found == machine->gpus.end() ? nullptr : &*found;
    } else if (line.starts_with("MIG ") && gpu != nullptr) {
      MigInstance instance{.uuid = uuid};
      instance.name = line.substr(4, line.find(' ', 4) - 4);
      const size_t dot = instance.name.find('.');
      if (const auto gb = SizeWord(std::string_view(instance.name).substr(dot + 1))) {
        // A profile's name rounds up: 4.75 GiB are "5gb".
        instance.total = Bytes(static_cast<int64_t>(*gb * 0.95 * (1 << 30)));
      }
      gpu->instances.push_back(std::move(instance));
    }
  }
}

std::optional<std::string> CudaVersionInBanner(std::string_view banner) {
  constexpr std::string_view kMark = "CUDA Version: ";
  const size_t at = banner.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = banner.substr(at + kMark.size());
  const std::string_view version = rest.substr(0, rest.find_first_not_of("0123456789."));
  if (version.empty()) return std::nullopt;
  return std::string(version);
}

std::string ExplainSmi(int exit_code, std::string_view text) {
  const auto says = [text](std::string_view words) {
    return text.find(words) != std::string_view::npos;
  };
  if (says("version mismatch")) return nvml::ExplainInit(nvml::kVersionMismatch);
  if (says("couldn't communicate with the NVIDIA driver")) {
    return nvml::ExplainInit(nvml::kDriverNotLoaded);
  }
  if (says("Insufficient Permissions")) return nvml::ExplainInit(nvml::kNoPermission);
  if (says("No devices were found")) {
    return "the NVIDIA driver runs but lists no GPU (nvidia-smi: No devices were found)";
  }
  const std::string_view first = Trim(text.substr(0, text.find('\n')));
  return fmt::format("nvidia-smi failed with exit code {}{}{}", exit_code,
                     first.empty() ? "" : ": ", first.substr(0, 200));
}

}  // namespace vramcast::gpu
