// Writes allocations by what they are, in bytes; the shared pen of everything that makes a trace.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "forecast/label.h"
#include "trace/trace.h"

namespace vramcast::forecast {

class Writer {
 public:
  Writer() : labels_(&builder_) {}

  void Enter(Phase phase) { builder_.EnterPhase(phase); }
  Phase phase() const { return builder_.phase(); }

  AllocationId Alloc(What what, int64_t bytes) {
    return builder_.Alloc(Bytes(bytes), labels_[what]);
  }
  // Frees and forgets; an allocation that is not there is ignored.
  void Free(AllocationId& id) {
    builder_.Free(id);
    id = {};
  }
  void Free(std::vector<AllocationId>& ids) {
    for (const AllocationId id : ids) builder_.Free(id);
    ids.clear();
  }
  // Allocates and frees at once: what an operation needs while it runs.
  void Touch(What what, int64_t bytes) {
    AllocationId id = Alloc(what, bytes);
    Free(id);
  }
  void EmptyCache() { builder_.EmptyCache(); }

  Trace Take() && { return std::move(builder_).Take(); }

 private:
  TraceBuilder builder_;
  Labels labels_;
};

}  // namespace vramcast::forecast
