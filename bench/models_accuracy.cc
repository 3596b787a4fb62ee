// Forecasts of transformers models beside what real PyTorch allocated on a device that counts
// memory: one line a run, then the summary. Data: VRAMCAST_DATA, or ../shared beside the checkout.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <vector>

#include "models/testing/records.h"

int main() {
  using namespace vramcast::models;
  const std::string path = recorded::IndexPath(VRAMCAST_SOURCE_DIR);
  const std::vector<recorded::ModelRecord> records = recorded::ReadRecords(path);
  if (records.empty()) {
    std::cout << "no transformers runs in " << path << "; set VRAMCAST_DATA\n";
    return 0;
  }
  std::cout << fmt::format("{:24} {:>10} {:>10} {:>8} {:>10} {:>10} {:>8}  {}\n", "run", "true MiB",
                           "forecast", "error", "reserved", "forecast", "error", "interval");
  std::vector<double> errors;
  int held = 0, judged = 0;
  for (const recorded::ModelRecord& record : records) {
    const vramcast::Run run = recorded::PlayRecord(record);
    const double error = (run.peak.allocated.mib() / record.allocated_mib - 1) * 100;
    const double reserved = run.peak.reserved.mib();
    std::string interval = "died";
    const auto made = Make(record.request);
    if (made && !run.oom) {
      const bool holds = made->interval.low.mib() <= record.allocated_mib &&
                         record.allocated_mib <= made->interval.high.mib();
      ++judged;
      held += holds ? 1 : 0;
      interval = fmt::format("{:.0f} to {:.0f}{}", made->interval.low.mib(),
                             made->interval.high.mib(), holds ? "" : " (missed)");
    }
    std::cout << fmt::format(
        "{:24} {:>10.2f} {:>10.2f} {:>+7.3f}% {:>10.0f} {:>10.0f} {:>+7.2f}%  {}\n", record.id,
        record.allocated_mib, run.peak.allocated.mib(), error, record.reserved_mib, reserved,
        (reserved / record.reserved_mib - 1) * 100, interval);
    errors.push_back(std::abs(error));
  }
  std::sort(errors.begin(), errors.end());
  std::cout << fmt::format(
      "{} runs: median error {:.3f} %, largest {:.3f} %; interval holds {} of {}\n", errors.size(),
      errors[errors.size() / 2], errors.back(), held, judged);
  return 0;
}
