#include "diagnosis/ranks.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"

namespace vramcast::diagnosis {
namespace {

const crashlog::OomEvent& EventOf(const Diagnosis& d, const Death& death) {
  return d.logs[death.log].report.events[death.event];
}

// The last time stamp at or before the message, as "2026-04-18 06:40:19.25": comparable as text.
std::optional<std::string> TimeOf(const Diagnosis& d, const Death& death) {
  static const RE2 kStamp(R"((\d{4}-\d\d-\d\d)[T_ ](\d\d:\d\d:\d\d)(?:[.,](\d+))?)");
  const Log& log = d.logs[death.log];
  if (death.event >= log.around.size()) {
    return std::nullopt;
  }
  std::optional<std::string> time;
  std::string day, clock, fraction;
  for (const Line& line : log.around[death.event]) {
    if (line.number > EventOf(d, death).place.line) {
      break;
    }
    fraction.clear();
    if (RE2::PartialMatch(line.text, kStamp, &day, &clock, &fraction)) {
      time = fmt::format("{} {}.{}", day, clock, fraction);
    }
  }
  return time;
}

std::string Who(const Diagnosis& d, const Death& death) {
  const crashlog::OomEvent& event = EventOf(d, death);
  return event.rank     ? fmt::format("rank {}", *event.rank)
         : event.device ? fmt::format("GPU {}", *event.device)
                        : "another process";
}

std::string InLog(const Diagnosis& d, size_t log) {
  return d.logs.size() > 1 ? fmt::format(" ({})", d.logs[log].name) : "";
}

}  // namespace

bool DiedBefore(const Diagnosis& d, size_t a, size_t b) {
  const Death& first = d.deaths[a];
  const Death& second = d.deaths[b];
  if (first.log == second.log) {
    return first.event < second.event;
  }
  const auto time_a = TimeOf(d, first);
  const auto time_b = TimeOf(d, second);
  return time_a && time_b && *time_a < *time_b;
}

std::vector<std::string> CompareRanks(const Diagnosis& d) {
  std::vector<std::string> sentences;
  if (!d.main || d.deaths.size() < 2) {
    return sentences;
  }
  const Death& main = d.deaths[*d.main];
  // Each rank of a log is named once for each cause, however often it tried again.
  std::map<Cause, std::map<size_t, std::vector<std::string>>> others;
  for (size_t i = 0; i < d.deaths.size(); ++i) {
    const Death& death = d.deaths[i];
    const std::string who = Who(d, death);
    if (i == *d.main ||
        (death.cause == main.cause && death.log == main.log && who == Who(d, main))) {
      continue;
    }
    std::vector<std::string>& names = others[death.cause][death.log];
    if (std::find(names.begin(), names.end(), who) == names.end()) {
      names.push_back(who);
    }
  }
  const bool across = std::any_of(d.deaths.begin(), d.deaths.end(),
                                  [&](const Death& death) { return death.log != main.log; });
  if (across) {
    sentences.push_back(TimeOf(d, main)
                            ? fmt::format("{}{} died first.", Who(d, main), InLog(d, main.log))
                            : "The logs print no times, so who died first is not known.");
  }
  for (const auto& [cause, by_log] : others) {
    std::vector<std::string> parts;
    for (const auto& [log, names] : by_log) {
      parts.push_back(Join(names, ", ") + InLog(d, log));
    }
    sentences.push_back(cause == main.cause
                            ? fmt::format("Died of the same: {}.", Join(parts, "; "))
                            : fmt::format("{}: {}.", Join(parts, "; "), CauseTitle(cause)));
  }
  return sentences;
}

}  // namespace vramcast::diagnosis
