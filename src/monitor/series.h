// A recorded series: one JSON object a line, as `vramcast watch --json` prints them.
//
//   {"schema": "vramcast.watch", "version": 1, "type": "sample", "time": 1760000000.0, "step": 12,
//    "gpus": [{"index": 0, "uuid": "GPU-…", "name": "NVIDIA A40", "used_bytes": 1073741824,
//              "capacity_bytes": 47639953408, "utilisation_percent": 97, "temperature_celsius": 61,
//              "processes": [{"pid": 17, "name": "python3", "used_bytes": 1000000000}]}]}
//
// Only gpus[].used_bytes is required. Without a time, lines are one second apart; "total_bytes"
// stands in for the capacity. Lines of another type ("summary") and keys that are not listed are
// passed over.
#pragma once

#include <cstdint>
#include <istream>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "monitor/sample.h"

namespace vramcast::monitor {

nlohmann::json ToJson(const Sample& sample);

// Reads a series line by line in constant memory.
class SeriesReader {
 public:
  explicit SeriesReader(std::istream& input) : input_(input) {}

  // The next sample; nothing at the end.
  std::optional<Sample> Next();

  int64_t lines() const { return lines_; }  // not empty, read so far
  int64_t skipped() const {
    return skipped_;
  }  // lines that are no sample and no other type of ours

 private:
  std::istream& input_;
  int64_t lines_ = 0;
  int64_t skipped_ = 0;
  double last_time_ = 0;
  bool has_time_ = false;
};

// One line. Unreadable error: not a sample; an empty result: a line of another type.
Result<std::optional<Sample>> ParseSample(std::string_view line);

}  // namespace vramcast::monitor
