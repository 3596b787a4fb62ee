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

Trace TraceBuilder::Take() && { return std::move(trace_); }

}  // namespace vramcast
