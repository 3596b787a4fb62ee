#include "models/sharding.h"

#include <algorithm>
#include <utility>

namespace vramcast::models {
namespace {

// DeepSpeed's reduce_bucket_size, in numbers (runtime/zero/config.py).
constexpr int64_t kZeroBucket = 500'000'000;
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
  int64_t trainable = 0;
  for (const std::vector<Parameter*>& parameters : units) {
    Unit unit;
    unit.parameters = parameters;
    for (const Parameter* parameter : parameters) {
      unit.count += parameter->count;
      if (parameter->trainable) unit.trainable += parameter->count;
    }
    trainable += unit.trainable;
    if (split_.states) MakeShards(&unit);
    units_.push_back(std::move(unit));
  }
  if (split_.buckets) {
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
  if (split_.master && split_.gradients) {
    buckets_.push_back(c_.Fresh(Role::kBucket, std::min(kZeroBucket, trainable), compute_width_));
  }
}

void Sharding::BeforeForward(size_t unit) {
  if (!split_.parameters || units_[unit].gathered.count > 0) return;
  Unit& u = units_[unit];
  // The collective's result is copied out to the parameters; it goes when the next unit's is done,
  // since that one is fetched ahead (fsdp/_fully_shard/_fsdp_param_group.py).
  Tensor result = c_.Fresh(Role::kGathered, Part(u.count) * world_, compute_width_);
  u.gathered = c_.Fresh(Role::kGathered, u.count, compute_width_);
  for (Unit& other : units_) other.all_gather = {};
  u.all_gather = std::move(result);
}

void Sharding::AfterForward(size_t unit) {
  // The root's parameters stay for the backward pass that follows at once.
  if (unit + 1 < units_.size()) units_[unit].gathered = {};
}

void Sharding::AfterBackward(size_t unit) {
  Unit& u = units_[unit];
  if (split_.gradients && u.trainable > 0) {
    if (!split_.master) {
      // Reduce-scatter from one flat tensor, which the next unit's replaces.
      Tensor flat = c_.Fresh(Role::kBucket, u.trainable, compute_width_);
      last_reduce_scatter_ = std::move(flat);
    }
    const int64_t width = split_.master ? compute_width_ : u.shards.front()->width;
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
  for (size_t i = 0; i < units_.size(); ++i) AfterBackward(i);
  last_reduce_scatter_ = {};
}

void Sharding::BeforeStep() {
  if (!split_.master) return;
  // DeepSpeed updates in fp32: the partition's gradients are cast first.
  for (Unit& unit : units_) {
    for (size_t i = 0; i < unit.shards.size(); ++i) {
      Parameter* shard = unit.shards[i];
      if (unit.parameters[i]->gradient.count == 0 && shard->gradient.count == 0) continue;
      shard->gradient = c_.Fresh(Role::kGradient, shard->count, 4);
    }
  }
}

}  // namespace vramcast::models
