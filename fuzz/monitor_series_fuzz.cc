// A recorded series may come from anywhere: any bytes become samples that can be followed.
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "monitor/series.h"
#include "monitor/watcher.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::istringstream lines(std::string(reinterpret_cast<const char*>(data), size));
  vramcast::monitor::SeriesReader reader(lines);
  vramcast::monitor::Watcher watcher;
  while (const auto sample = reader.Next()) {
    watcher.Add(*sample);
    (void)watcher.Now();
  }
  return 0;
}
