// Cases made by hand for the tests of this room: an event with its numbers, and the lines around
// it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crashlog/event.h"
#include "diagnosis/case.h"
#include "diagnosis/log.h"

namespace vramcast::diagnosis {

// The usual message of PyTorch on a card of 24 GB, of which this process holds nearly all.
inline crashlog::OomEvent FullCardEvent() {
  using namespace literals;
  crashlog::OomEvent event;
  event.is_vram_oom = true;
  event.framework = crashlog::Framework::kPytorch;
  event.wording = crashlog::Wording::kAllocator;
  event.requested = 512_MiB;
  event.total = 24_GiB;
  event.free = 100_MiB;
  event.allocated = 22_GiB;
  event.reserved_unallocated = 200_MiB;
  event.process_in_use = 23_GiB;
  event.evidence = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB.";
  event.place = {.offset = 0, .line = 1};
  return event;
}

// A log with this one event and these lines, and the case that refers to it.
class CaseForTest {
 public:
  explicit CaseForTest(crashlog::OomEvent event, const std::vector<std::string>& lines = {},
                       crashlog::LogReport report = {}) {
    log_ = std::make_unique<Log>();
    log_->name = "run.log";
    event.place.line = lines.size() + 1;
    event.place.offset = 1000;
    log_->report = std::move(report);
    log_->around.emplace_back();
    uint64_t number = 1;
    for (const std::string& line : lines) {
      log_->around[0].push_back({number++, line});
    }
    log_->around[0].push_back({number, event.evidence});
    log_->report.events.push_back(std::move(event));
  }

  Case operator*() const { return MakeCase(*log_, 0); }
  const Log& log() const { return *log_; }

 private:
  std::unique_ptr<Log> log_;
};

}  // namespace vramcast::diagnosis
