#include "models/sharding.h"

#include <algorithm>
#include <utility>

namespace vramcast::models {
namespace {

// DeepSpeed's reduce_bucket_size, in numbers (runtime/zero/config.py).
constexpr int64_t kZeroBucket = 500'000'000;
// stage3_prefetch_bucket_size and stage3_max_reuse_distance, in numbers (runtime/zero/config.py).
constexpr int64_t kPrefetch = 50'000'000;
constexpr int64_t kMaxReuseDistance = 1'000'000'000;
// DDP's bucket_cap_mb, and the smaller first bucket (reducer.hpp).
constexpr int64_t kDdpBucket = 25 << 20;
constexpr int64_t kDdpFirstBucket = 1 << 20;

}  // namespace

Split SplitOf(Parallel parallel) {
  switch (parallel) {
    case Parallel::kNone:
      return {};
    case Parallel::kDdp:
      return {.buckets = true};
    case Parallel::kFsdp1:
    case Parallel::kFsdp2:
      return {.parameters = true, .gradients = true, .states = true};
    case Parallel::kZero1:
      return {.states = true, .master = true};
    case Parallel::kZero2:
      return {.gradients = true, .states = true, .master = true};
    case Parallel::kZero3:
      return {.parameters = true, .gradients = true, .states = true, .master = true};
  }
  return {};
}

Sharding::Sharding(Context* context, const TrainingOptions& options)
    : c_(*context),
      options_(options),
      split_(SplitOf(options.parallel)),
      world_(std::max<int64_t>(1, options.world_size)),
      compute_width_(ComputeWidth(options.precision == Precision::kBf16 ? 2 : 4)) {}

int64_t Sharding::ComputeWidth(int64_t width) const {
  return split_.states && options_.precision == Precision::kAmp ? 2 : width;
}

void Sharding::MakeShards(Unit* unit) {
  // FSDP keeps the shards in the type of the parameters, DeepSpeed a master copy in fp32, and in
  // stage 3 a 16-bit shard beside it.
  const int64_t width = split_.master || options_.precision != Precision::kBf16 ? 4 : 2;
  for (const Parameter* parameter : unit->parameters) {
    auto shard = std::make_unique<Parameter>();
    shard->rows = parameter->count > parameter->rows ? Part(parameter->rows) : 0;
    shard->count = Part(parameter->count);
    if (shard->rows == 0) shard->rows = shard->count;
    shard->is_table = parameter->is_table;
    shard->trainable = parameter->trainable;
    shard->width = width;
    if (split_.master && split_.parameters) {
      buckets_.push_back(c_.Fresh(Role::kParameter, shard->count, compute_width_));
    }
    if (!split_.master || parameter->trainable) {
      shard->data = c_.Fresh(split_.master ? Role::kMaster : Role::kParameter, shard->count, width);
    }
    unit->shards.push_back(shard.get());
    shards_.push_back(std::move(shard));
  }
}

void Sharding::Attach(const std::vector<std::vector<Parameter*>>& units) {
  for (const std::vector<Parameter*>& parameters : units) {
    Unit unit;
    unit.parameters = parameters;
    for (const Parameter* parameter : parameters) {
      unit.count += parameter->count;
      if (parameter->trainable) unit.trainable += parameter->count;
    }
    trainable_ += unit.trainable;
    if (split_.states) MakeShards(&unit);
    units_.push_back(std::move(unit));
  }
  if (split_.buckets) MakeDdpBuckets();
  if (!split_.master) return;
  c_.set_on_gradient([this](Parameter* parameter) { TakeGradient(parameter); });
  // Rank 0 has the beginning: the root's parameters come first.
  const auto own = [this](const Unit& unit) {
    for (const Parameter* parameter : unit.parameters) {
      if (parameter->trainable && owned_ < Part(trainable_)) owned_ += parameter->count;
    }
  };
  own(units_.back());
  for (const Unit& unit : units_) own(unit);
  if (split_.parameters) {
    // stage3.py, _setup_for_real_optimizer.
    zero_bucket_ = c_.Fresh(Role::kBucket, kZeroBucket, compute_width_);
    zero_part_ = c_.Fresh(Role::kGradientShard, Part(trainable_), compute_width_);
  }
}

void Sharding::MakeDdpBuckets() {
  int64_t cap = kDdpFirstBucket;
  int64_t bucket = 0;
  for (const Unit& unit : units_) {
    for (const Parameter* parameter : unit.parameters) {
      if (!parameter->trainable) continue;
      bucket += parameter->bytes();
      if (bucket < cap) continue;
      buckets_.push_back(c_.Fresh(Role::kBucket, bucket, 1));
      bucket = 0;
      cap = kDdpBucket;
    }
  }
  if (bucket > 0) buckets_.push_back(c_.Fresh(Role::kBucket, bucket, 1));
}

// DeepSpeed copies a gradient into its bucket, and from stage 2 on lets go of it
// (stage_1_and_2.py, process_gradients).
void Sharding::TakeGradient(Parameter* parameter) {
  if (zero_bucket_.count == 0) {
    zero_bucket_ = c_.Fresh(Role::kBucket, kZeroBucket, compute_width_);
  }
  if (split_.gradients) parameter->gradient = {};
}

// partitioned_param_coordinator.py: what is used again within stage3_max_reuse_distance numbers is
// not let go.
bool Sharding::StaysGathered(size_t unit) const {
  if (!split_.master) return false;
  int64_t between = 0;
  for (size_t later = unit + 1; later + 1 < units_.size(); ++later) {
    between += 2 * units_[later].count;
  }
  return between <= kMaxReuseDistance;
}

void Sharding::BeforeForward(size_t unit) {
  if (!split_.parameters || units_[unit].gathered.count > 0) return;
  Unit& u = units_[unit];
  if (split_.master && fetched_.count == 0) {
    int64_t all = 0;
    for (const Unit& other : units_) all += other.count;
    fetched_ = c_.Fresh(Role::kGathered, std::min(all, kPrefetch), compute_width_);
  }
  if (split_.master) {
    u.gathered = c_.Fresh(Role::kGathered, u.count, compute_width_);
    return;
  }
  // The collective's result is copied out to the parameters; it goes when the next unit's is done,
  // since that one is fetched ahead (fsdp/_fully_shard/_fsdp_param_group.py).
  Tensor result = c_.Fresh(Role::kGathered, Part(u.count) * world_, compute_width_);
  u.gathered = c_.Fresh(Role::kGathered, u.count, compute_width_);
  for (Unit& other : units_) other.all_gather = {};
  u.all_gather = std::move(result);
}

void Sharding::AfterForward(size_t unit) {
  // The root's parameters stay for the backward pass that follows at once.
  if (unit + 1 < units_.size() && !StaysGathered(unit)) units_[unit].gathered = {};
  if (unit + 2 == units_.size()) fetched_ = {};
}

void Sharding::AfterBackward(size_t unit) {
  Unit& u = units_[unit];
  if (split_.gradients && !split_.master && u.trainable > 0) {
    // Reduce-scatter from one flat tensor, which the next unit's replaces.
    Tensor flat = c_.Fresh(Role::kBucket, u.trainable, compute_width_);
    last_reduce_scatter_ = std::move(flat);
    const int64_t width = u.shards.front()->width;
    for (size_t i = 0; i < u.parameters.size(); ++i) {
      if (u.parameters[i]->gradient.count == 0) continue;
      u.parameters[i]->gradient = {};
      if (u.shards[i]->gradient.count == 0) {
        u.shards[i]->gradient = c_.Fresh(Role::kGradientShard, u.shards[i]->count, width);
      }
    }
  }
  u.gathered = {};
  u.all_gather = {};
}

void Sharding::FinishBackward() {
  if (split_.master) FinishZeroBackward();
  for (size_t i = 0; i < units_.size(); ++i) AfterBackward(i);
  last_reduce_scatter_ = {};
}

// The bucket's gradients are joined, reduced, and copied to the part that this rank updates
// (stage_1_and_2.py, reduce_ipg_grads; coalesced_collectives.py, reduce_scatter_coalesced).
void Sharding::FinishZeroBackward() {
  fetched_ = {};
  for (Unit& unit : units_) {
    for (Parameter* parameter : unit.parameters) parameter->gradient = {};
  }
  c_.Touch(Role::kBucket, std::min(kZeroBucket, trainable_) * compute_width_);
  if (split_.parameters) return;
  if (zero_part_.count == 0) {
    zero_part_ = c_.Fresh(Role::kGradientShard, owned_, compute_width_);
  }
  zero_bucket_ = {};
}

void Sharding::BeforeStep() {
  if (!split_.master) return;
  // DeepSpeed updates in fp32: the partition's gradients are cast first.
  Tensor flat;
  if (split_.parameters) flat = c_.Fresh(Role::kGradientShard, Part(trainable_), compute_width_);
  for (Unit& unit : units_) {
    for (Parameter* shard : unit.shards) {
      if (shard->trainable) shard->gradient = c_.Fresh(Role::kGradient, shard->count, 4);
    }
  }
  if (!split_.parameters) zero_part_ = {};
}

}  // namespace vramcast::models
