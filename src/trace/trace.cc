#include "trace/trace.h"

#include <utility>

namespace vramcast {

LabelId TraceBuilder::Intern(Category category, std::string_view name) {
  std::string key(1, static_cast<char>(category));
  key += name;
  const auto [it, fresh] =
      interned_.try_emplace(std::move(key), LabelId{static_cast<uint32_t>(trace_.labels.size())});
  if (fresh) trace_.labels.push_back({category, std::string(name)});
  return it->second;
}

AllocationId TraceBuilder::Alloc(Bytes size, LabelId label, StreamId stream) {
  if (size == Bytes(0)) return {};
  const AllocationId id{trace_.allocation_count++};
  trace_.events.push_back({Action::kAlloc, phase_, stream, id, size, label, {}});
  return id;
}

AllocationId TraceBuilder::Alloc(Bytes size, Category category, std::string_view name) {
  return Alloc(size, Intern(category, name));
}

void TraceBuilder::Free(AllocationId id) {
  if (!id.valid()) return;
  trace_.events.push_back({.action = Action::kFreeCompleted, .phase = phase_, .allocation = id});
}

void TraceBuilder::EmptyCache() {
  trace_.events.push_back({.action = Action::kEmptyCache, .phase = phase_});
}

bool TraceBuilder::Repeat(Mark from, Mark to) {
  std::vector<bool> freed(to.allocation - from.allocation);
  for (size_t i = from.event; i < to.event; ++i) {
    const Event& event = trace_.events[i];
    if (event.action != Action::kFreeCompleted) continue;
    if (event.allocation.value < from.allocation) return false;
    freed[event.allocation.value - from.allocation] = true;
  }
  // Room for the round after this one too, since rounds come in numbers.
  const size_t round = to.event - from.event;
  if (trace_.events.capacity() < trace_.events.size() + round) {
    trace_.events.reserve(trace_.events.size() + 2 * round);
  }
  std::vector<AllocationId> again(freed.size());
  for (size_t i = from.event; i < to.event; ++i) {
    Event event = trace_.events[i];
    event.phase = phase_;
    if (event.action == Action::kAlloc || event.action == Action::kFreeCompleted) {
      const uint32_t slot = event.allocation.value - from.allocation;
      if (!freed[slot]) continue;
      if (event.action == Action::kAlloc) again[slot] = {trace_.allocation_count++};
      event.allocation = again[slot];
    }
    trace_.events.push_back(event);
  }
  return true;
}

Trace TraceBuilder::Take() && { return std::move(trace_); }

}  // namespace vramcast
