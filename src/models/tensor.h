// A tensor without numbers: how many elements it has, how wide they are, and the memory it shares
// with its views. Memory goes back when the last tensor that uses it does, as in PyTorch, so a
// model written over these tensors allocates and frees in the order that PyTorch does.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "models/role.h"
#include "trace/trace.h"

namespace vramcast::models {

// Writes allocations by what they are.
class Pen {
 public:
  Pen();
  void Enter(Phase phase) { builder_.EnterPhase(phase); }
  AllocationId Alloc(Role role, int64_t bytes) {
    if (stopped_ || bytes <= 0) return {};
    return builder_.Alloc(Bytes(bytes), labels_[static_cast<size_t>(role)]);
  }
  void Free(AllocationId id) { builder_.Free(id); }
  // While stopped nothing is allocated: the rest of a forward pass that PyTorch leaves early.
  void set_stopped(bool stopped) { stopped_ = stopped; }
  bool stopped() const { return stopped_; }
  TraceBuilder::Mark mark() const { return builder_.mark(); }
  bool Repeat(TraceBuilder::Mark from, TraceBuilder::Mark to) { return builder_.Repeat(from, to); }
  Trace Take() && { return std::move(builder_).Take(); }

 private:
  TraceBuilder builder_;
  std::array<LabelId, kRoleCount> labels_;
  bool stopped_ = false;
};

// One block of memory; freed with its last owner.
class Storage {
 public:
  Storage(Pen* pen, Role role, int64_t bytes) : pen_(pen), id_(pen->Alloc(role, bytes)) {}
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() { pen_->Free(id_); }

 private:
  Pen* pen_;
  AllocationId id_;
};

struct Node;

// Where a tensor's gradient goes: an input of the operation that made it.
struct Edge {
  std::shared_ptr<Node> node;
  int slot = 0;
};

struct Tensor {
  std::shared_ptr<Storage> storage;
  int64_t count = 0;  // elements
  int64_t width = 0;  // bytes per element
  bool view = false;  // shares another tensor's storage: gradients are not added in place
  Edge edge;          // no node: no gradient is wanted

  int64_t bytes() const { return count * width; }
  bool wants_gradient() const { return edge.node != nullptr; }
};

}  // namespace vramcast::models
