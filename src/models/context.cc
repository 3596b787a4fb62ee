#include "models/context.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace vramcast::models {

Tensor Saved::Take(Context* context) {
  if (!frame_) return tensor_;  // goes with its node
  if (!frame_->ran) context->Rerun(frame_);
  if (index_ >= frame_->values.size()) return {};
  return std::move(frame_->values[index_]);
}

Saved Context::Save(const Tensor& tensor) {
  if (pen_.stopped()) return {};
  Tensor bare = tensor;
  bare.edge = {};
  if (!frame_) return Saved(std::move(bare));
  if (!recomputing_) return Saved(frame_, frame_->saved++);
  frame_->values.push_back(std::move(bare));
  if (frame_->values.size() == frame_->saved) pen_.set_stopped(true);
  return {};
}

void Context::Record(Tensor* out, std::initializer_list<Edge> inputs,
                     std::initializer_list<int64_t> widths, Backward backward) {
  if (std::none_of(inputs.begin(), inputs.end(), [](const Edge& e) { return e.node; })) return;
  auto node = std::make_shared<Node>();
  node->sequence = ++sequence_;
  for (size_t i = 0; i < inputs.size(); ++i) {
    node->next[i] = {inputs.begin()[i], widths.begin()[i]};
  }
  node->inputs = inputs.size();
  node->backward = std::move(backward);
  out->edge = {std::move(node), 0};
}

Edge Context::LeafOf(Parameter* parameter) {
  if (!parameter->trainable) return {};
  if (!parameter->leaf || !parameter->leaf->backward) {
    auto leaf = std::make_shared<Node>();
    leaf->sequence = kLeafSequence;
    leaf->backward = [this, parameter](Gradients& gradients) {
      // AccumulateGrad: the first gradient is taken as it is, later ones are added in place.
      if (parameter->gradient.count == 0) parameter->gradient = std::move(gradients[0]);
      if (on_gradient_) on_gradient_(parameter);
      return Gradients();
    };
    parameter->leaf = std::move(leaf);
  }
  return {parameter->leaf, 0};
}

void Context::UseCublas() {
  bool& has = has_workspace_[in_backward_ ? 1 : 0];
  if (has || pen_.stopped()) return;
  has = true;
  pen_.Alloc(Role::kWorkspace, machine_.cublas_workspace());
}

void Context::UseCublasLt() {
  UseCublas();
  bool& has = has_lt_workspace_[in_backward_ ? 1 : 0];
  if (has || pen_.stopped()) return;
  has = true;
  pen_.Alloc(Role::kWorkspace, Machine::kLtWorkspace);
}

void Context::LeaveAutocast() {
  autocast_ = false;
  for (Parameter* parameter : casts_) parameter->cast = {};
  casts_.clear();
}

Tensor Context::ForProduct(Parameter* parameter) {
  Tensor plain = parameter->data;
  plain.count = parameter->count;
  plain.width = parameter->width;
  plain.edge = LeafOf(parameter);
  if (!autocast_ || parameter->width != 4) return plain;
  if (parameter->cast.count > 0) return parameter->cast;
  Tensor cast = Fresh(Role::kWeightCopy, parameter->count, 2);
  Record(&cast, {plain.edge}, {4}, [this, count = parameter->count](Gradients&) {
    return Gradients{Fresh(Role::kGradient, count, 4)};
  });
  // Only leaves that are trained are kept (autocast_mode.cpp, cached_cast).
  if (parameter->trainable && !pen_.stopped()) {
    parameter->cast = cast;
    casts_.push_back(parameter);
  }
  return cast;
}

Tensor Context::Checkpoint(const Tensor& input, std::function<Tensor(const Tensor&)> run) {
  auto frame = std::make_shared<Frame>();
  frame->rerun = [run, input] { run(input); };
  frame_ = frame;
  Tensor out = run(input);
  frame_ = nullptr;
  return out;
}

void Context::Rerun(const std::shared_ptr<Frame>& frame) {
  frame->ran = true;
  const std::function<void()> rerun = std::move(frame->rerun);
  frame->rerun = nullptr;
  if (frame->saved == 0) return;
  frame_ = frame;
  recomputing_ = true;
  EnterAutocast();
  rerun();
  LeaveAutocast();
  recomputing_ = false;
  frame_ = nullptr;
  pen_.set_stopped(false);
}

void Context::Backpropagate(const Tensor& loss, Tensor gradient) {
  in_backward_ = true;
  RunBackward(&pen_, loss, std::move(gradient));
  in_backward_ = false;
}

int64_t ColumnSumBuffer(const Machine& machine, int64_t outputs, int64_t reduced) {
  constexpr int64_t kThreads = 512;     // mnt_wrapper
  constexpr int64_t kFewValues = 16;    // min_values_per_thread
  constexpr int64_t kManyValues = 256;  // max_values_per_thread
  const auto ceil_div = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  const auto last_power = [](int64_t n) {
    return n <= 1 ? int64_t{1} : static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n)));
  };
  const int64_t vector = outputs % 4 == 0 ? 4 : outputs % 2 == 0 ? 2 : 1;
  const int64_t threads = kThreads / vector;
  const int64_t columns = std::min(last_power(outputs / vector), threads);
  int64_t block_x = std::min<int64_t>(columns, 32);
  const int64_t block_y = std::min(std::min(last_power(reduced), threads), threads / block_x);
  block_x = std::min(columns, threads / block_y);
  const int64_t values = ceil_div(reduced, block_y);
  if (block_y <= 1 || values < kManyValues) return 0;
  const int64_t grid = ceil_div(outputs / vector, block_x);
  const int64_t blocks_per_sm = machine.threads_per_multiprocessor / (block_x * block_y);
  const int64_t target = machine.multiprocessors * blocks_per_sm;
  if (grid > target) return 0;
  const int64_t blocks = std::max(std::min(ceil_div(target, grid), ceil_div(values, kFewValues)),
                                  ceil_div(values, kManyValues));
  if (blocks <= 1) return 0;
  return 4 * outputs * blocks * block_x * vector;
}

}  // namespace vramcast::models
