#include "forecast/optimizer.h"

#include <algorithm>
#include <deque>
#include <string_view>
#include <utility>

#include "nanochat/family.h"

namespace vramcast::forecast {

using nanochat::AdamStyle;
using nanochat::MuonStyle;
using nanochat::UpdateKind;

Optimizer::Optimizer(const Job& job, Writer* writer)
    : job_(job),
      w_(writer),
      communicates_(job.family().single_class ? job.world() > 1 : job.config.distributed()),
      staging_(LingeringOf(job)) {
  for (size_t g = 0; g < job.shapes.groups.size(); ++g) {
    const nanochat::Group& group = job.shapes.groups[g];
    if (group.kind == UpdateKind::kAdamW) {
      adam_.insert(adam_.end(), group.parameters.begin(), group.parameters.end());
      continue;
    }
    if (group.parameters.empty()) continue;
    MuonGroup muon;
    muon.parameters = group.parameters;
    muon.group = static_cast<int>(g);
    const auto& first = job.shapes.parameters[static_cast<size_t>(group.parameters.front())];
    muon.count = static_cast<int64_t>(group.parameters.size());
    muon.rows = first.shape[0];
    muon.columns = first.elements() / first.shape[0];
    const int64_t world = communicates_ ? job.world() : 1;
    muon.owned = (muon.count + world - 1) / world;
    muon.padded = muon.owned * world;
    muon_.push_back(std::move(muon));
  }
  for (nanochat::State& state : nanochat::OptimizerStates(job.config, job.shapes)) {
    if (state.from_the_start) {
      AllocState(state);
    } else {
      states_.push_back(std::move(state));
    }
  }
}

// PyTorch's own AdamW, of one process before MuonAdamW, makes its moments as it likes; a moment
// that is loaded takes the dtype of its parameter (Optimizer.load_state_dict).
void Optimizer::AllocState(const nanochat::State& state, bool loaded) {
  const std::string_view name = state.name;
  const What what = name == "zero_buffer"              ? What::kZeroBuffer
                    : name == "momentum_buffer"        ? What::kMuonMomentum
                    : name == "second_momentum_buffer" ? What::kMuonSecondMoment
                    : name == "step"                   ? What::kSmall
                                                       : What::kAdamMoment;
  const bool ours =
      what == What::kMuonMomentum ||
      (what == What::kAdamMoment && (communicates_ || job_.family().adam == AdamStyle::kMuonAdamW));
  const bool narrow = job_.changes.bf16_states && ours && !loaded;
  w_->Alloc(what, narrow ? 2 * state.elements() : state.bytes().count());
}

// The patch leaves alone the step of DistAdamW that is compiled as a whole.
bool Optimizer::Releases(UpdateKind kind) const {
  return job_.changes.release_staging &&
         (kind == UpdateKind::kMuon || job_.family().adam != AdamStyle::kCompiledStep);
}

bool Optimizer::Small(int parameter) const {
  return job_.family().small_all_reduced &&
         job_.shapes.parameters[static_cast<size_t>(parameter)].elements() < 1024;
}

int64_t Optimizer::ParameterBytes(int index) const {
  return job_.shapes.parameters[static_cast<size_t>(index)].bytes().count();
}

// A shard is a slice of rows; nanochat asserts that the rows divide.
int64_t Optimizer::ShardBytes(int index) const {
  if (!communicates_ || Small(index)) return ParameterBytes(index);
  const auto& parameter = job_.shapes.parameters[static_cast<size_t>(index)];
  const int64_t rows = parameter.shape[0];
  return ParameterBytes(index) / rows * (rows / job_.world());
}

void Optimizer::Keep(int parameter, UpdateKind kind) {
  AllocationId& gradient = gradients_[static_cast<size_t>(parameter)];
  if (!gradient.valid()) return;
  Stage(kind, gradient);
  gradient = {};
}

// Holds what a collective was handed, for as long as the process group does.
void Optimizer::Stage(UpdateKind kind, AllocationId id, Staging::Use use) {
  if (Releases(kind)) {
    waited_.push_back(id);
  } else {
    staging_.Add(id, use);
  }
}

void Optimizer::ReduceAdam() {
  for (const int parameter : adam_) {
    if (!Small(parameter)) {
      Stage(UpdateKind::kAdamW, w_->Alloc(What::kGradientShard, ShardBytes(parameter)));
    }
  }
}

// States appear one by one, when the step first meets their parameter.
void Optimizer::StatesOf(int parameter) {
  for (const nanochat::State& state : states_) {
    if (state.parameter == parameter) AllocState(state);
  }
}

void Optimizer::StatesOf(const MuonGroup& group) {
  for (const nanochat::State& state : states_) {
    if (state.parameter < 0 && state.group == group.group) AllocState(state);
  }
}

void Optimizer::UpdateAdam() {
  const AdamStyle style = job_.family().adam;
  const bool by_operation =
      communicates_ && (style == AdamStyle::kCompiledStep || style == AdamStyle::kEagerStep);
  for (const int parameter : adam_) {
    if (!has_states_) StatesOf(parameter);
    if (!by_operation) continue;
    AllocationId denominator = w_->Alloc(What::kUpdateTemporary, ShardBytes(parameter));
    w_->Touch(What::kUpdateTemporary, ShardBytes(parameter));
    w_->Free(denominator);
  }
  if (!communicates_) return;
  for (const int parameter : adam_) Keep(parameter, UpdateKind::kAdamW);
}

// Buffers of muon_step_fused as Inductor plans them: X, its products and the polynomials.
void Optimizer::StackedKernel(const MuonGroup& group, int64_t count) {
  const bool newest = job_.family().muon_equalizes;
  const bool wide =
      job_.family().muon_follows_dtype && *job_.config.dtype != nanochat::Dtype::kBf16;
  const int64_t bytes = wide ? 4 : 2;
  const int64_t side = std::min(group.rows, group.columns);
  const int64_t x = bytes * count * group.rows * group.columns;
  const int64_t gram = bytes * count * side * side;
  std::vector<AllocationId> buffers;
  const auto add = [&](int64_t size, int times) {
    for (int i = 0; i < times; ++i) buffers.push_back(w_->Alloc(What::kMuonIteration, size));
  };
  if (group.rows == group.columns) {
    add(x, newest ? 6 : 7);
  } else if (newest) {
    add(x, 5);
    add(gram, 2);
  } else {
    add(x, 6);
    add(gram, 1);
  }
  w_->Free(buffers);
}

// zeropower_via_newtonschulz5 of one matrix.
void Optimizer::SingleIteration(const MuonGroup& group) {
  const int64_t side = std::min(group.rows, group.columns);
  const int64_t x = 2 * group.rows * group.columns;
  std::vector<AllocationId> buffers;
  buffers.push_back(w_->Alloc(What::kMuonIteration, x));
  buffers.push_back(w_->Alloc(What::kMuonIteration, x));
  for (int i = 0; i < 4; ++i) {
    buffers.push_back(w_->Alloc(What::kMuonIteration, 2 * side * side));
  }
  w_->Free(buffers);
}

void Optimizer::StepOneByOne() {
  for (const MuonGroup& group : muon_) {
    for (int64_t i = 0; i < group.count; ++i) {
      if (!has_states_) StatesOf(group.parameters[static_cast<size_t>(i)]);
      SingleIteration(group);
    }
  }
}

// dist.reduce_scatter and dist.all_gather of lists flatten into buffers of world_size tensors.
void Optimizer::StepOneByOneSharded() {
  const int64_t world = job_.world();
  const auto stage = [&](What what, int64_t bytes, Staging::Use use = Staging::Use::kReduce) {
    Stage(UpdateKind::kMuon, w_->Alloc(what, bytes), use);
  };
  std::deque<AllocationId> reduced;  // in the order of their works
  for (const MuonGroup& group : muon_) {
    for (int64_t base = 0; base < group.count; base += world) {
      const AllocationId flat = w_->Alloc(What::kGradientStack, world * group.bytes());
      Releases(UpdateKind::kMuon) ? reduced.push_back(flat) : staging_.Add(flat);
    }
  }
  for (const MuonGroup& group : muon_) {
    for (int64_t base = 0; base < group.count; base += world) {
      if (!reduced.empty()) {
        w_->Free(reduced.front());
        reduced.pop_front();
      }
      if (!has_states_) StatesOf(group.parameters[static_cast<size_t>(base)]);
      SingleIteration(group);
      for (int64_t missing = group.count; missing < base + world; ++missing) {
        stage(What::kZeroBuffer, group.bytes());
      }
      stage(What::kGatherBuffer, world * group.bytes(), Staging::Use::kGather);
    }
    for (const int parameter : group.parameters) Keep(parameter, UpdateKind::kMuon);
  }
}

void Optimizer::StepStacked() {
  // One class for all: every stack of gradients exists before the first update, every stack of
  // parameters until the last. Before it, one group after the other.
  const bool all_at_once = job_.family().single_class;
  std::vector<AllocationId> stacks, previous;
  if (all_at_once) {
    for (const MuonGroup& group : muon_) {
      stacks.push_back(w_->Alloc(What::kStackedGradients, group.count * group.bytes()));
    }
    UpdateAdam();
  }
  for (const MuonGroup& group : muon_) {
    if (!has_states_) StatesOf(group);
    if (!all_at_once) {
      stacks.push_back(w_->Alloc(What::kStackedGradients, group.count * group.bytes()));
      // A loop's variables hold the last group's stacks until they are bound again.
      w_->Free(previous);
    }
    stacks.push_back(w_->Alloc(What::kStackedParameters, group.count * group.bytes()));
    StackedKernel(group, group.count);
    if (all_at_once) continue;
    if (job_.family().adam == AdamStyle::kMuonAdamW) {
      w_->Free(stacks);
    } else {
      previous = std::exchange(stacks, {});
    }
  }
  w_->Free(stacks);
  w_->Free(previous);
}

void Optimizer::StepStackedSharded() {
  const bool one_optimizer = job_.family().adam == AdamStyle::kMuonAdamW;
  AllocationId unpadded;  // what torch.stack made before the copy into the padded buffer
  if (one_optimizer) ReduceAdam();
  const auto use = [&](const MuonGroup& group) {
    return &group == &muon_.back() ? Staging::Use::kLastGather : Staging::Use::kGather;
  };
  for (const MuonGroup& group : muon_) {
    const AllocationId stack = w_->Alloc(What::kStackedGradients, group.count * group.bytes());
    w_->Free(unpadded);
    unpadded = stack;
    // The stack of gradients becomes the output of the gather.
    Stage(UpdateKind::kMuon, w_->Alloc(What::kGradientStack, group.padded * group.bytes()),
          use(group));
    Stage(UpdateKind::kMuon, w_->Alloc(What::kGradientShard, group.owned * group.bytes()));
    if (one_optimizer) w_->Free(unpadded);
  }
  if (one_optimizer) UpdateAdam();
  for (const MuonGroup& group : muon_) {
    if (!has_states_) StatesOf(group);
    Stage(UpdateKind::kMuon, w_->Alloc(What::kUpdatedShard, group.owned * group.bytes()),
          use(group));
    AllocationId owned = w_->Alloc(What::kStackedParameters, group.owned * group.bytes());
    StackedKernel(group, group.owned);
    w_->Free(owned);
  }
  w_->Free(unpadded);
}

void Optimizer::MakeStates() {
  if (has_states_) return;
  for (const nanochat::State& state : states_) AllocState(state, true);
  has_states_ = true;
}

void Optimizer::Step(std::vector<AllocationId> gradients) {
  gradients_ = std::move(gradients);
  staging_.BeginStep(w_);
  const bool stacked = job_.family().muon == MuonStyle::kStacked;
  const bool one_optimizer = job_.family().adam == AdamStyle::kMuonAdamW;
  if (!one_optimizer) {
    if (communicates_) ReduceAdam();
    UpdateAdam();
  } else if (!communicates_ && !job_.family().single_class) {
    UpdateAdam();
  }
  if (stacked) {
    communicates_ ? StepStackedSharded() : StepStacked();
  } else {
    communicates_ ? StepOneByOneSharded() : StepOneByOne();
  }
  has_states_ = true;
  w_->Free(waited_);
  w_->Free(gradients_);
}

}  // namespace vramcast::forecast
