#include "models/optimizer.h"

#include <algorithm>

namespace vramcast::models {
namespace {

bool IsMatrix(const Parameter& p) { return p.count > p.rows; }
int64_t Columns(const Parameter& p) { return p.count / std::max<int64_t>(p.rows, 1); }

// torch.optim.Muon takes matrices; people give it the hidden ones and AdamW the rest: embeddings
// and the output layer, whose rows are a vocabulary's.
bool TakenByMuon(const Parameter& p) { return IsMatrix(p) && !p.is_table; }

}  // namespace

void Optimizer::MakeStates(const Parameter& p) {
  const auto state = [&](int64_t count, int64_t width) {
    states_.push_back(c_.Fresh(Role::kMoment, count, width));
  };
  const auto adam = [&] {
    state(p.count, p.width);
    state(p.count, p.width);
  };
  switch (kind_) {
    case OptimizerKind::kAdamW:
      return adam();
    case OptimizerKind::kAdamWFused:
      state(1, 4);  // the step's count stays on the device
      return adam();
    case OptimizerKind::kAdamW8bit: {
      // bitsandbytes optim/optimizer.py: small tensors stay in fp32; else a byte a number and an
      // fp32 maximum for each block of 256.
      constexpr int64_t kSmallest = 4096;
      constexpr int64_t kBlock = 256;
      if (p.count < kSmallest) {
        state(p.count, 4);
        return state(p.count, 4);
      }
      state(p.count, 1);
      state(p.count, 1);
      state((p.count + kBlock - 1) / kBlock, 4);
      return state((p.count + kBlock - 1) / kBlock, 4);
    }
    case OptimizerKind::kSgd:
      return state(p.count, p.width);  // momentum: a copy of the first gradient
    case OptimizerKind::kAdafactor:
      if (!IsMatrix(p)) return state(p.count, p.width);
      state(p.rows, p.width);
      return state(Columns(p), p.width);
    case OptimizerKind::kMuon:
      if (!TakenByMuon(p)) return adam();
      return state(p.count, p.width);
  }
}

// _adafactor.py, _single_tensor_adafactor: one tensor after the other; the name `update` keeps the
// last one's estimate until the next is made.
void Optimizer::StepAdafactor(const std::vector<Parameter*>& trained) {
  Tensor update;
  for (const Parameter* p : trained) {
    if (IsMatrix(*p)) {
      const int64_t columns = Columns(*p);
      const Tensor row_mean = c_.Fresh(Role::kUpdateTemporary, p->rows, p->width);
      const Tensor column_mean = c_.Fresh(Role::kUpdateTemporary, columns, p->width);
      c_.Touch(Role::kReductionBuffer, ColumnSumBuffer(c_.machine(), columns, p->rows));
    }
    update = c_.Fresh(Role::kUpdateTemporary, p->count, p->width);
  }
}

// _muon.py: the update, its bf16 copy, and the products of each of five iterations.
void Optimizer::StepMuon(const Parameter& p) {
  const int64_t side = std::min(p.rows, Columns(p));
  const Tensor update = c_.Fresh(Role::kUpdateTemporary, p.count, p.width);
  Tensor orthogonal = c_.Fresh(Role::kUpdateTemporary, p.count, 2);
  for (int i = 0; i < 5; ++i) {
    const Tensor gram = c_.Fresh(Role::kUpdateTemporary, side * side, 2);
    const Tensor gram_update = c_.Fresh(Role::kUpdateTemporary, side * side, 2);
    orthogonal = c_.Fresh(Role::kUpdateTemporary, p.count, 2);
  }
}

void Optimizer::Step(const std::vector<std::unique_ptr<Parameter>>& parameters) {
  std::vector<Parameter*> trained;
  for (const auto& parameter : parameters) {
    if (parameter->gradient.count > 0) trained.push_back(parameter.get());
  }
  if (kind_ == OptimizerKind::kMuon) {  // which steps before AdamW takes the rest
    const auto rest = std::stable_partition(trained.begin(), trained.end(),
                                            [](const Parameter* p) { return TakenByMuon(*p); });
    StepGroup({trained.begin(), rest}, true);
    StepGroup({rest, trained.end()}, false);
  } else {
    StepGroup(trained, false);
  }
  has_states_ = true;
}

void Optimizer::StepGroup(const std::vector<Parameter*>& trained, bool by_muon) {
  if (!has_states_) {
    // bitsandbytes keeps two tables of its number format, shared by all tensors.
    if (kind_ == OptimizerKind::kAdamW8bit) {
      for (int i = 0; i < 2; ++i) states_.push_back(c_.Fresh(Role::kMoment, 256, 4));
    }
    for (const Parameter* parameter : trained) MakeStates(*parameter);
  }
  if (kind_ == OptimizerKind::kAdafactor) return StepAdafactor(trained);
  if (by_muon) {
    for (const Parameter* parameter : trained) StepMuon(*parameter);
    return;
  }
  if (kind_ != OptimizerKind::kAdamW && kind_ != OptimizerKind::kMuon) return;
  // torch._foreach_sqrt of the second moments, of all tensors at once.
  std::vector<Tensor> roots;
  for (const Parameter* p : trained) {
    roots.push_back(c_.Fresh(Role::kUpdateTemporary, p->count, p->width));
  }
  while (!roots.empty()) roots.pop_back();
}

void Optimizer::ZeroGradients(const std::vector<std::unique_ptr<Parameter>>& parameters) {
  for (const auto& parameter : parameters) parameter->gradient = {};
}

}  // namespace vramcast::models
