#include "monitor/json_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "monitor/json.h"

namespace vramcast::monitor {
namespace {

class LineWriter {
 public:
  explicit LineWriter(std::string* out) : out_(*out) { out_.clear(); }

  void Write(const Report& report) {
    out_ += R"({"schema":"vramcast.watch","version":1,"type":"sample","time":)";
    Number(report.time);
    if (report.step) Field("step", *report.step);
    if (report.total_steps) Field("total_steps", *report.total_steps);
    Field("leaking", report.leaking());
    if (report.step) Field("steps_per_second", report.steps_per_second);
    out_ += R"(,"gpus":[)";
    for (const GpuReport& gpu : report.gpus) {
      Separate();
      Gpu(gpu, report);
    }
    out_ += "]}\n";
  }

 private:
  void Separate() {
    if (out_.back() != '[') out_ += ',';
  }
  void Key(std::string_view key) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += key;
    out_ += "\":";
  }
  void Number(double value) {
    if (std::isfinite(value)) {
      fmt::format_to(std::back_inserter(out_), "{}", value);
    } else {
      out_ += "null";  // JSON has no infinity: an open end
    }
  }
  void Value(double value) { Number(value); }
  void Value(int64_t value) {
    const fmt::format_int text(value);
    out_.append(text.data(), text.size());
  }
  void Value(int value) { Value(static_cast<int64_t>(value)); }
  void Value(bool value) { out_ += value ? "true" : "false"; }
  void Value(Bytes value) { Value(value.count()); }
  void Value(std::string_view value) {
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) {
      return c >= ' ' && c <= '~' && c != '"' && c != '\\';
    });
    if (plain) {
      out_ += '"';
      out_ += value;
      out_ += '"';
    } else {
      out_ += nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  void Value(const std::string& value) { Value(std::string_view(value)); }
  void Value(const Interval& value) {
    out_ += '{';
    Field("value", value.value);
    Field("low", value.low);
    Field("high", value.high);
    out_ += '}';
  }
  template <typename T>
  void Value(const std::optional<T>& value) {
    if (value) {
      Value(*value);
    } else {
      out_ += "null";
    }
  }
  template <typename T>
  void Field(std::string_view key, const T& value) {
    Key(key);
    Value(value);
  }

  // `of`: the GPU's own carries steps too.
  void Growth(const monitor::Growth& growth, const Report* steps) {
    out_ += '{';
    Field("verdict", GrowthName(growth.kind));
    Field("certain", growth.certain);
    Field("samples", growth.samples);
    Field("rises", growth.rises);
    Field("grown_bytes", growth.grown);
    Field("over_seconds", growth.seconds);
    Field("bytes_per_second", growth.bytes_per_second);
    Field("seconds_to_full", growth.seconds_left);
    Field("jump_bytes", growth.jump);
    if (steps != nullptr && steps->steps_per_second) {
      Field("steps_to_full", StepsLeft(growth, *steps));
      if (growth.bytes_per_second) {
        Field("bytes_per_step", growth.bytes_per_second->value / steps->steps_per_second->value);
      }
    }
    out_ += '}';
  }

  void Process(const ProcessReport& process) {
    out_ += '{';
    Field("pid", process.sample.pid);
    Field("name", process.sample.name);
    Field("used_bytes", process.sample.used);
    Field("leftover", process.sample.leftover);
    Field("graphics", process.sample.graphics);
    if (process.sample.allocated) Field("allocated_bytes", process.sample.allocated);
    if (process.sample.reserved) Field("reserved_bytes", process.sample.reserved);
    Field("peak_bytes", process.peak);
    Key("growth");
    Growth(process.growth, nullptr);
    out_ += '}';
  }

  void Gpu(const GpuReport& gpu, const Report& report) {
    out_ += '{';
    Field("index", gpu.sample.index);
    Field("uuid", gpu.sample.id);
    Field("name", gpu.sample.name);
    Field("used_bytes", gpu.sample.used);
    Field("capacity_bytes", gpu.sample.capacity);
    Field("utilisation_percent", gpu.sample.utilisation);
    Field("temperature_celsius", gpu.sample.temperature);
    Field("peak_bytes", gpu.peak);
    Key("growth");
    Growth(gpu.growth, &report);
    Field("growing_pid",
          gpu.grower ? std::optional(gpu.processes[*gpu.grower].sample.pid) : std::nullopt);
    Field("growing_other", gpu.other_grows);
    if (!gpu.ahead.empty()) {
      Field("run_pid", gpu.run_pid);
      out_ += R"(,"next_phases":[)";
      for (const UpcomingPhase& phase : gpu.ahead) {
        Separate();
        out_ += ToJson(phase, report).dump();
      }
      out_ += ']';
    }
    out_ += R"(,"processes":[)";
    for (const ProcessReport& process : gpu.processes) {
      Separate();
      Process(process);
    }
    out_ += "]}";
  }

  std::string& out_;
};

}  // namespace

void WriteJsonLine(const Report& report, std::string* line) { LineWriter(line).Write(report); }

}  // namespace vramcast::monitor
