// Reads every log of the collection in VRAMCAST_DATA/oom-logs and scores what diagnose says of it
// against index.jsonl: look-alikes, printed sizes field by field, and the cause, with the misses.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/diagnosis.h"

namespace {

using nlohmann::json;
using vramcast::Bytes;
using vramcast::crashlog::OomEvent;
using vramcast::diagnosis::Diagnosis;

struct Score {
  int right = 0;
  int all = 0;
  void Add(bool good) {
    right += good ? 1 : 0;
    ++all;
  }
  std::string Text() const {
    return fmt::format("{:4}/{:<4} {:5.1f} %", right, all, all == 0 ? 100.0 : 100.0 * right / all);
  }
};

struct Field {
  const char* name;
  std::optional<Bytes> OomEvent::*value;
};
constexpr Field kFields[] = {
    {"requested_bytes", &OomEvent::requested},
    {"total_bytes", &OomEvent::total},
    {"free_bytes", &OomEvent::free},
    {"allocated_bytes", &OomEvent::allocated},
    {"reserved_bytes", &OomEvent::reserved},
    {"reserved_unallocated_bytes", &OomEvent::reserved_unallocated},
    {"process_in_use_bytes", &OomEvent::process_in_use},
    {"allowed_bytes", &OomEvent::allowed},
    {"private_pools_bytes", &OomEvent::private_pools},
    {"other_allocations_bytes", &OomEvent::other_allocations},
};

// Printed sizes have two decimals; either way of rounding them to bytes is exact.
bool Same(const std::optional<Bytes>& got, const json& wanted) {
  if (wanted.is_null() || !got) {
    return wanted.is_null() && !got;
  }
  return std::abs(got->count() - wanted.get<int64_t>()) <= 1;
}

std::string Shown(const std::optional<Bytes>& bytes) {
  return bytes ? std::to_string(bytes->count()) : "null";
}

class Scores {
 public:
  void Add(const json& record, const Diagnosis& d, size_t number) {
    const OomEvent* event = d.main_event();
    const std::string file = record["file"];
    const bool vram = event != nullptr && event->is_vram_oom;
    look_alikes_.Add(vram == record["is_vram_oom"].get<bool>());
    if (vram != record["is_vram_oom"].get<bool>()) {
      misses_.push_back(fmt::format("{}: is_vram_oom is {}", file, vram));
    }
    static const OomEvent kNothing;
    for (const Field& field : kFields) {
      const auto& got = (event != nullptr ? *event : kNothing).*field.value;
      const bool good = Same(got, record.value(field.name, json()));
      fields_[field.name].Add(good);
      every_field_.Add(good);
      if (!good) {
        misses_.push_back(fmt::format("{}: {} is {}, not {}", file, field.name, Shown(got),
                                      record.value(field.name, json()).dump()));
      }
    }
    AddCause(record, d, number);
  }

  void Print() const {
    fmt::print("GPU memory or look-alike   {}\n", look_alikes_.Text());
    fmt::print("printed sizes              {}\n", every_field_.Text());
    for (const auto& [name, score] : fields_) fmt::print("  {:<25}{}\n", name, score.Text());
    fmt::print("cause first                {}\n", cause_.Text());
    fmt::print("  hard ones                {}\n", hard_.Text());
    fmt::print("  first or also true       {}\n", cause_or_also_.Text());
    fmt::print("  within the first two     {}\n", within_two_.Text());
    fmt::print("  odd lines of the index   {}\n", half_[1].Text());
    fmt::print("  even lines               {}\n", half_[0].Text());
    for (const auto& [name, score] : causes_) fmt::print("  {:<25}{}\n", name, score.Text());
    fmt::print("mean confidence of first   {:.1f} %\n",
               cause_.all == 0 ? 0.0 : 100 * confidence_ / cause_.all);
    fmt::print("\nmisses\n");
    for (const std::string& miss : misses_) fmt::print("  {}\n", miss);
  }

 private:
  void AddCause(const json& record, const Diagnosis& d, size_t number) {
    const std::string wanted = record["cause_class"];
    const std::string got(d.findings.empty() ? "none" : CauseName(d.findings.front().cause));
    const bool good = got == wanted;
    bool also = good;
    for (const json& other : record["also"]) also = also || got == other.get<std::string>();
    bool second = good;
    for (size_t i = 0; i < d.findings.size() && i < 2; ++i) {
      second = second || CauseName(d.findings[i].cause) == wanted;
    }
    cause_.Add(good);
    cause_or_also_.Add(also);
    within_two_.Add(second);
    half_[number % 2].Add(good);
    causes_[wanted].Add(good);
    confidence_ += d.findings.empty() ? 0 : d.findings.front().confidence;
    if (record["hard"].get<bool>()) hard_.Add(good);
    if (!good) {
      std::string all;
      for (const auto& finding : d.findings) {
        all += fmt::format(" {} {:.0f}", CauseName(finding.cause), 100 * finding.confidence);
      }
      const OomEvent* event = d.main_event();
      misses_.push_back(fmt::format(
          "{}: cause {}, said{}  [{}]", record["file"].get<std::string>(), wanted, all,
          event != nullptr ? vramcast::crashlog::WordingName(event->wording) : "no event"));
    }
  }

  Score look_alikes_, every_field_, cause_, cause_or_also_, within_two_, hard_;
  Score half_[2];
  double confidence_ = 0;
  std::map<std::string, Score> fields_, causes_;
  std::vector<std::string> misses_;
};

}  // namespace

int main() {
  const char* set = std::getenv("VRAMCAST_DATA");
  const std::filesystem::path data =
      set != nullptr ? set : std::filesystem::path(VRAMCAST_SOURCE_DIR) / ".." / "shared";
  const auto folder = data / "oom-logs";
  std::ifstream index(folder / "index.jsonl");
  if (!index) {
    std::cout << "skipped: no " << (folder / "index.jsonl").string() << '\n';
    return 0;
  }
  Scores scores;
  std::string line;
  for (size_t number = 1; std::getline(index, line); ++number) {
    const json record = json::parse(line);
    const auto path = folder / record["file"].get<std::string>();
    auto log = vramcast::diagnosis::ReadLog(path.string());
    if (!log) {
      std::cerr << log.error().message << '\n';
      return 3;
    }
    std::vector<vramcast::diagnosis::Log> logs;
    logs.push_back(std::move(*log));
    scores.Add(record, vramcast::diagnosis::Diagnose(std::move(logs), {}), number);
  }
  scores.Print();
  return 0;
}
