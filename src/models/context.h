// What a forward pass runs in: the pen, the machine's facts, autocast with its cache of weights,
// activation checkpointing, and the order of operations that autograd remembers.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "models/autograd.h"
#include "models/tensor.h"

namespace vramcast::models {

// What of a GPU decides sizes. The defaults are an H100's.
struct Machine {
  int capability = 90;
  int multiprocessors = 132;
  int threads_per_multiprocessor = 2048;
  // cuBLAS's workspace by handle and stream: 32 MiB on Hopper, 8.125 MiB else
  // (CUDABlas.cpp, parseChosenWorkspaceSize); cuBLASLt's 1 MiB (_getWorkspaceSize).
  int64_t cublas_workspace() const { return capability >= 90 ? 33554432 : 8519680; }
  static constexpr int64_t kLtWorkspace = 1048576;
};

struct Parameter {
  int64_t count = 0;
  int64_t rows = 0;  // outputs of a matrix, entries of an embedding; count for a vector
  int64_t width = 0;
  bool trainable = true;
  bool is_table = false;  // an embedding or the output layer: a row an entry of the vocabulary
  Tensor data;
  Tensor gradient;
  Tensor cast;                 // kept by autocast until its region ends
  std::shared_ptr<Node> leaf;  // made anew in each forward pass

  int64_t bytes() const { return count * width; }
};

// A checkpointed stretch: saves nothing at first, computes everything again when asked.
struct Frame {
  std::function<void()> rerun;
  size_t saved = 0;            // by the first forward pass
  std::vector<Tensor> values;  // by the second
  size_t next = 0;
  bool ran = false;
};

class Context;

// A tensor that an operation keeps for its backward pass, or will find in its frame.
class Saved {
 public:
  Saved() = default;
  explicit Saved(Tensor tensor) : tensor_(std::move(tensor)) {}
  Saved(std::shared_ptr<Frame> frame, size_t index) : frame_(std::move(frame)), index_(index) {}
  // May be called once. A recomputed tensor then belongs to the caller alone.
  Tensor Take(Context* context);

 private:
  Tensor tensor_;
  std::shared_ptr<Frame> frame_;
  size_t index_ = 0;
};

class Context {
 public:
  explicit Context(const Machine& machine) : machine_(machine) {}

  Pen& pen() { return pen_; }
  const Machine& machine() const { return machine_; }

  Tensor Fresh(Role role, int64_t count, int64_t width) {
    return {std::make_shared<Storage>(&pen_, role, count * width), count, width, false, {}};
  }
  // Allocates and frees at once: what an operation needs while it runs.
  void Touch(Role role, int64_t bytes) { pen_.Free(pen_.Alloc(role, bytes)); }

  Saved Save(const Tensor& tensor);
  // Makes `out` the result of an operation on `inputs`; `backward` is dropped if none of them wants
  // a gradient. Several results of one operation take slots in their order.
  void Record(Tensor* out, std::initializer_list<Edge> inputs,
              std::initializer_list<int64_t> widths, Backward backward);
  Edge LeafOf(Parameter* parameter);
  // Called whenever a parameter has got a gradient.
  void set_on_gradient(std::function<void(Parameter*)> action) { on_gradient_ = std::move(action); }

  // The first matrix product of a thread takes its handle's workspace.
  void UseCublas();
  void UseCublasLt();

  // torch.autocast(dtype=bfloat16): a region; weights cast in it are kept until its end.
  void set_autocast_wanted(bool wanted) { autocast_wanted_ = wanted; }
  void EnterAutocast() { autocast_ = autocast_wanted_; }
  void LeaveAutocast();
  bool autocast() const { return autocast_; }
  // The parameter as a matrix product takes it.
  Tensor ForProduct(Parameter* parameter);

  // torch.utils.checkpoint(use_reentrant=False): `run` is called now, and again in the backward
  // pass until all that it saved is there once more (early stop).
  Tensor Checkpoint(const Tensor& input, std::function<Tensor(const Tensor&)> run);

  void Backpropagate(const Tensor& loss, Tensor gradient);
  // For graphs that are not run by autograd: whose handles are used.
  void set_in_backward(bool in_backward) { in_backward_ = in_backward; }

 private:
  friend class Saved;
  void Rerun(const std::shared_ptr<Frame>& frame);

  Pen pen_;  // before everything that frees with it
  Machine machine_;
  bool autocast_wanted_ = false;
  bool autocast_ = false;
  bool in_backward_ = false;
  bool recomputing_ = false;
  std::shared_ptr<Frame> frame_;
  std::function<void(Parameter*)> on_gradient_;
  uint64_t sequence_ = 0;
  std::vector<Parameter*> casts_;  // of the region, in their order
  bool has_workspace_[2] = {};
  bool has_lt_workspace_[2] = {};
};

// What a handle needs for the sum over `reduced` rows of `outputs` neighbouring columns, beside its
// result (Reduce.cuh, setReduceConfig): zero where one block a column does.
int64_t ColumnSumBuffer(const Machine& machine, int64_t outputs, int64_t reduced);

}  // namespace vramcast::models
