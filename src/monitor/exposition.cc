#include "monitor/exposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

namespace vramcast::monitor {
namespace {

// Names of processes beyond this many on one GPU are summed as "other".
constexpr size_t kMostNames = 16;

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

// One metric: its help and type once, then its series.
class Family {
 public:
  Family(std::string* out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    header_ = fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }

  void Add(std::string_view labels, double value) {
    if (std::isnan(value)) return;
    *out_ += std::exchange(header_, {});  // a family without series is not told
    *out_ += name_;
    if (!labels.empty()) *out_ += fmt::format("{{{}}}", labels);
    if (std::isinf(value)) {
      *out_ += value > 0 ? " +Inf\n" : " -Inf\n";
    } else {
      *out_ += fmt::format(" {}\n", value);
    }
  }
  void Add(std::string_view labels, Bytes value) {
    *out_ += std::exchange(header_, {});
    *out_ += fmt::format("{}{{{}}} {}\n", name_, labels, value.count());
  }

 private:
  std::string* out_;
  std::string_view name_;
  std::string header_;
};

std::string LabelOf(const GpuReport& gpu) {
  // An instance of a divided GPU shares the index with its siblings.
  const bool instance = gpu.sample.id.starts_with("MIG-");
  return instance ? fmt::format("gpu=\"{}\",instance_uuid=\"{}\"", gpu.sample.index,
                                Escaped(gpu.sample.id))
                  : fmt::format("gpu=\"{}\"", gpu.sample.index);
}

struct NameSum {
  int64_t count = 0;
  Bytes used;
  bool known = true;
};

// The largest names, the rest together.
std::vector<std::pair<std::string, NameSum>> ByName(const GpuReport& gpu) {
  std::map<std::string, NameSum> sums;
  for (const ProcessReport& process : gpu.processes) {
    NameSum& sum = sums[process.sample.name.value_or("unknown")];
    ++sum.count;
    sum.used += process.sample.used.value_or(Bytes(0));
    sum.known = sum.known && process.sample.used.has_value();
  }
  std::vector<std::pair<std::string, NameSum>> list(sums.begin(), sums.end());
  std::stable_sort(list.begin(), list.end(),
                   [](const auto& a, const auto& b) { return a.second.used > b.second.used; });
  if (list.size() > kMostNames) {
    NameSum other;
    for (size_t i = kMostNames - 1; i < list.size(); ++i) {
      other.count += list[i].second.count;
      other.used += list[i].second.used;
      other.known = other.known && list[i].second.known;
    }
    list.resize(kMostNames - 1);
    list.emplace_back("other", other);
  }
  return list;
}

void AddMemory(const Report& report, std::string* out) {
  const auto each = [&](std::string_view name, std::string_view help, auto value_of) {
    Family family(out, name, "gauge", help);
    for (const GpuReport& gpu : report.gpus) {
      if (const auto value = value_of(gpu)) family.Add(LabelOf(gpu), *value);
    }
  };
  Family info(out, "vramcast_gpu_info", "gauge", "1; names the GPU behind the number in gpu.");
  for (const GpuReport& gpu : report.gpus) {
    info.Add(fmt::format("{},uuid=\"{}\",name=\"{}\"", LabelOf(gpu), Escaped(gpu.sample.id),
                         Escaped(gpu.sample.name)),
             1.0);
  }
  each("vramcast_gpu_memory_used_bytes", "Memory in use on the GPU, as the driver counts it.",
       [](const GpuReport& gpu) { return std::optional(gpu.sample.used); });
  each("vramcast_gpu_memory_capacity_bytes", "Memory that programs can have on the GPU.",
       [](const GpuReport& gpu) { return gpu.sample.capacity; });
  each("vramcast_gpu_memory_peak_bytes", "Most memory in use since vramcast watches.",
       [](const GpuReport& gpu) { return std::optional(gpu.peak); });
  each("vramcast_gpu_utilization_ratio", "Share of time in which the GPU worked, 0 to 1.",
       [](const GpuReport& gpu) {
         return gpu.sample.utilisation ? std::optional(*gpu.sample.utilisation / 100.0)
                                       : std::nullopt;
       });
  each("vramcast_gpu_temperature_celsius", "Temperature of the GPU.", [](const GpuReport& gpu) {
    return gpu.sample.temperature ? std::optional<double>(*gpu.sample.temperature) : std::nullopt;
  });
}

void AddGrowth(const Report& report, std::string* out) {
  const auto each = [&](std::string_view name, std::string_view help, auto value_of) {
    Family family(out, name, "gauge", help);
    for (const GpuReport& gpu : report.gpus) {
      if (gpu.growth.kind == GrowthKind::kTooEarly) continue;
      if (const std::optional<double> value = value_of(gpu.growth)) {
        family.Add(LabelOf(gpu), *value);
      }
    }
  };
  each("vramcast_gpu_memory_leaking",
       "1 if memory grows for good beyond doubt, 0 if not; absent while it is too early to tell.",
       [](const Growth& growth) { return std::optional(growth.certain ? 1.0 : 0.0); });
  each("vramcast_gpu_memory_growth_bytes_per_second",
       "How fast the floor of the used memory rises; 0 if it does not.", [](const Growth& growth) {
         return std::optional(growth.bytes_per_second ? growth.bytes_per_second->value : 0.0);
       });
  each("vramcast_gpu_memory_exhaustion_seconds",
       "Time until the GPU is full at the present growth; absent if memory does not grow.",
       [](const Growth& growth) {
         return growth.seconds_left ? std::optional(growth.seconds_left->value) : std::nullopt;
       });
  each("vramcast_gpu_memory_exhaustion_earliest_seconds",
       "Lower end of the interval of vramcast_gpu_memory_exhaustion_seconds.",
       [](const Growth& growth) {
         return growth.seconds_left ? std::optional(growth.seconds_left->low) : std::nullopt;
       });
}

// Each kind of phase is ahead once.
void AddAhead(const Report& report, std::string* out) {
  const auto each = [&](std::string_view name, std::string_view help, auto value_of) {
    Family family(out, name, "gauge", help);
    for (const GpuReport& gpu : report.gpus) {
      for (const UpcomingPhase& phase : gpu.ahead) {
        family.Add(fmt::format("{},phase=\"{}\"", LabelOf(gpu), PhaseName(phase.phase)),
                   value_of(phase));
      }
    }
  };
  each("vramcast_next_phase_margin_bytes",
       "Room on the GPU less what the next phase of this kind needs; negative: so much is missing.",
       [](const UpcomingPhase& phase) { return phase.room - phase.needs; });
  each("vramcast_next_phase_best_margin_bytes",
       "The same with the least that the phase may need: negative, and it will not fit.",
       [](const UpcomingPhase& phase) { return phase.room - phase.needs_low; });
}

void AddProcesses(const Report& report, std::string* out) {
  Family count(out, "vramcast_gpu_processes", "gauge",
               "Processes on the GPU by the name of their program.");
  std::vector<std::vector<std::pair<std::string, NameSum>>> names;
  for (const GpuReport& gpu : report.gpus) {
    names.push_back(ByName(gpu));
    for (const auto& [name, sum] : names.back()) {
      count.Add(fmt::format("{},process=\"{}\"", LabelOf(gpu), Escaped(name)),
                static_cast<double>(sum.count));
    }
  }
  Family used(out, "vramcast_gpu_process_memory_used_bytes", "gauge",
              "Memory of these processes; absent where the driver does not tell all of it.");
  for (size_t i = 0; i < names.size(); ++i) {
    for (const auto& [name, sum] : names[i]) {
      if (!sum.known) continue;
      used.Add(fmt::format("{},process=\"{}\"", LabelOf(report.gpus[i]), Escaped(name)), sum.used);
    }
  }
  Family leftover(out, "vramcast_gpu_leftover_processes", "gauge",
                  "Processes that hold memory and do no work: their program is gone.");
  for (const GpuReport& gpu : report.gpus) {
    const auto left = std::count_if(gpu.processes.begin(), gpu.processes.end(),
                                    [](const auto& process) { return process.sample.leftover; });
    leftover.Add(LabelOf(gpu), static_cast<double>(left));
  }
  Family held(out, "vramcast_gpu_leftover_memory_bytes", "gauge",
              "Memory that leftover processes hold, as far as the driver tells it.");
  for (const GpuReport& gpu : report.gpus) {
    Bytes sum;
    for (const ProcessReport& process : gpu.processes) {
      if (process.sample.leftover) sum += process.sample.used.value_or(Bytes(0));
    }
    held.Add(LabelOf(gpu), sum);
  }
}

}  // namespace

std::string Exposition(const Report& report, int64_t samples, std::string_view version) {
  std::string out;
  Family(&out, "vramcast_build_info", "gauge", "1; the version of vramcast that watches.")
      .Add(fmt::format("version=\"{}\"", Escaped(version)), 1.0);
  Family(&out, "vramcast_samples_total", "counter", "Looks at the GPUs since the watch began.")
      .Add("", static_cast<double>(samples));
  Family(&out, "vramcast_last_sample_timestamp_seconds", "gauge",
         "When the GPUs were last looked at, in seconds since 1970.")
      .Add("", report.time);
  AddMemory(report, &out);
  AddGrowth(report, &out);
  AddAhead(report, &out);
  AddProcesses(report, &out);
  if (report.step) {
    Family(&out, "vramcast_training_step", "gauge", "Step that training has come to.")
        .Add("", static_cast<double>(*report.step));
  }
  return out;
}

}  // namespace vramcast::monitor
