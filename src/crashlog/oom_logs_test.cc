// How well real logs are read: printed sizes, and whether GPU memory was what could not be had. The
// logs stay in VRAMCAST_DATA; without them this says so and skips.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "crashlog/json.h"
#include "crashlog/scan.h"

namespace vramcast::crashlog {
namespace {

using nlohmann::json;

std::filesystem::path LogFolder() {
  if (const char* data = std::getenv("VRAMCAST_DATA")) {
    return std::filesystem::path(data) / "oom-logs";
  }
  // From this file: src/crashlog/ in the repository, whose neighbour the data is.
  return std::filesystem::path(__FILE__).parent_path() / "../../../shared/oom-logs";
}

constexpr const char* kFields[] = {"requested_bytes",      "total_bytes",
                                   "free_bytes",           "allocated_bytes",
                                   "reserved_bytes",       "allowed_bytes",
                                   "process_in_use_bytes", "reserved_unallocated_bytes",
                                   "private_pools_bytes",  "other_allocations_bytes"};

// The index rounds with binary floating point: the last byte may differ.
bool SameSize(const json& want, const json& got) {
  if (want.is_null() || got.is_null()) {
    return want.is_null() && got.is_null();
  }
  return std::llabs(want.get<int64_t>() - got.get<int64_t>()) <= 1;
}

struct Score {
  int right = 0, of = 0;
  void Count(bool is_right) {
    ++of;
    right += is_right ? 1 : 0;
  }
  double share() const { return of == 0 ? 1 : static_cast<double>(right) / of; }
};
std::ostream& operator<<(std::ostream& out, const Score& s) {
  return out << s.right << " of " << s.of << " (" << 100 * s.share() << " %)";
}

TEST(OomLogs, AreReadAsTheyWerePrinted) {
  std::ifstream index(LogFolder() / "index.jsonl");
  if (!index) {
    GTEST_SKIP() << "no oom-logs under " << LogFolder() << "; set VRAMCAST_DATA";
  }
  Score vram, printed, fields, others, framework, phase;
  for (std::string line; std::getline(index, line);) {
    const json record = json::parse(line);
    const std::string file = record["file"];
    const auto report = ScanFile((LogFolder() / file).string());
    ASSERT_TRUE(report) << report.error().message;
    const OomEvent* oom = report->oom();
    const json got = ToJson(oom != nullptr ? *oom : OomEvent());
    vram.Count(got["is_vram_oom"] == record["is_vram_oom"]);
    if (got["is_vram_oom"] != record["is_vram_oom"]) {
      std::cout << file << ": is_vram_oom is " << record["is_vram_oom"] << ", read "
                << got["is_vram_oom"] << " (" << got["wording"] << ")\n";
    }
    for (const char* field : kFields) {
      const bool same = SameSize(record[field], got[field]);
      fields.Count(same);
      if (!record[field].is_null()) {
        printed.Count(same);
      }
      if (!same) {
        std::cout << file << ": " << field << " is " << record[field] << ", read " << got[field]
                  << "\n";
      }
    }
    json want_others = json::array();
    for (const json& process : record["other_processes"]) {
      want_others.push_back({{"pid", process["pid"]}, {"bytes", process["bytes"]}});
    }
    bool same_others = want_others.size() == got["other_processes"].size();
    for (size_t i = 0; same_others && i < want_others.size(); ++i) {
      same_others = want_others[i]["pid"] == got["other_processes"][i]["pid"] &&
                    SameSize(want_others[i]["bytes"], got["other_processes"][i]["bytes"]);
    }
    others.Count(same_others);
    if (!same_others) {
      std::cout << file << ": other processes are " << want_others << ", read "
                << got["other_processes"] << "\n";
    }
    framework.Count(got["framework"] == record["framework"]);
    const std::string want_phase = record["phase"];
    const std::string got_phase = got["phase"];
    phase.Count(want_phase.rfind(got_phase, 0) == 0);
    if (std::getenv("VRAMCAST_VERBOSE") != nullptr) {
      std::cout << file << " | " << record["framework"] << " " << got["framework"] << " "
                << got["version"] << " | " << want_phase << " | " << got_phase << " "
                << got["pattern"] << " step " << got["step"] << " frames " << got["frames"].size()
                << " events " << report->events.size() << " " << got["wording"] << "\n";
    }
  }
  std::cout << "is_vram_oom: " << vram << "\nprinted sizes: " << printed
            << "\nall size fields: " << fields << "\nother processes: " << others
            << "\nframework: " << framework << "\nphase, same words: " << phase << "\n";
  EXPECT_GE(vram.share(), 0.98);
  EXPECT_GE(printed.share(), 0.99);
  EXPECT_GE(fields.share(), 0.99);
  EXPECT_GE(others.share(), 0.99);
}

}  // namespace
}  // namespace vramcast::crashlog
