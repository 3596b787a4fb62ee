// Data parallelism: what DDP, FSDP and DeepSpeed's ZeRO hold instead of, or beside, a parameter and
// its gradient. Units are the blocks, and what is outside them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/context.h"
#include "models/options.h"

namespace vramcast::models {

// What is split over the ranks.
struct Split {
  bool parameters = false;
  bool gradients = false;
  bool states = false;
  bool master = false;   // ZeRO: fp32 weights beside those that compute
  bool buckets = false;  // DDP: a second copy of the gradients, for all-reduce
};
Split SplitOf(Parallel parallel);

class Sharding {
 public:
  Sharding(Context* context, const TrainingOptions& options);

  // Bytes of a weight that computes: sharding wrappers cast whole layers instead of autocast.
  int64_t ComputeWidth(int64_t width) const;
  bool holds_parameters_split() const { return split_.parameters; }
  void Attach(const std::vector<std::vector<Parameter*>>& units);

  void BeforeForward(size_t unit);
  void AfterForward(size_t unit);
  void BeforeBackward(size_t unit) { BeforeForward(unit); }
  void AfterBackward(size_t unit);
  // What the hooks of blocks did not reach.
  void FinishBackward();
  void BeforeStep();

  bool splits_states() const { return split_.states; }
  // What the optimizer works on, where states are split.
  const std::vector<std::unique_ptr<Parameter>>& shards() const { return shards_; }

 private:
  struct Unit {
    std::vector<Parameter*> parameters;
    std::vector<Parameter*> shards;
    Tensor gathered;
    Tensor all_gather;  // freed when the next unit has copied its own
    int64_t count = 0;
    int64_t trainable = 0;
  };
  int64_t Part(int64_t count) const { return (count + world_ - 1) / world_; }
  void MakeShards(Unit* unit);
  void MakeDdpBuckets();
  void TakeGradient(Parameter* parameter);
  void FinishZeroBackward();
  bool StaysGathered(size_t unit) const;

  Context& c_;
  TrainingOptions options_;
  Split split_;
  int64_t world_;
  int64_t compute_width_;
  std::vector<Unit> units_;
  std::vector<std::unique_ptr<Parameter>> shards_;
  std::vector<Tensor> buckets_;
  Tensor last_reduce_scatter_;
  // Of DeepSpeed: the bucket of gradients, what of it this rank keeps, parameters fetched ahead.
  Tensor zero_bucket_, zero_part_, fetched_;
  int64_t trainable_ = 0;
  int64_t owned_ = 0;  // numbers of the parameters that this rank's part of the flat tensor touches
};

}  // namespace vramcast::models
