// The optimizer step of each family: states, stacks and temporaries of Muon and AdamW, and what the
// collectives of several ranks keep alive.
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/job.h"
#include "forecast/staging.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

class Optimizer {
 public:
  // Writes what its constructor allocates.
  Optimizer(const Job& job, Writer* writer);

  // One step; takes the gradients and lets go of them as zero_grad(set_to_none=True) does after it.
  void Step(std::vector<AllocationId> gradients);
  // States made outside a step: by loading a checkpoint.
  void MakeStates();

 private:
  struct MuonGroup {
    std::vector<int> parameters;
    int group = 0;  // index into Shapes::groups
    int64_t count = 0, rows = 0, columns = 0;
    int64_t owned = 0;                                    // tensors of this rank
    int64_t padded = 0;                                   // owned x world size
    int64_t bytes() const { return 4 * rows * columns; }  // of one tensor, fp32
  };

  bool Small(int parameter) const;
  int64_t ParameterBytes(int index) const;
  int64_t ShardBytes(int index) const;
  void Keep(int parameter, nanochat::UpdateKind kind);  // its gradient goes to the staging set
  void Stage(nanochat::UpdateKind kind, AllocationId id, Staging::Use use = Staging::Use::kReduce);
  void AllocState(const nanochat::State& state, bool loaded = false);
  bool Releases(nanochat::UpdateKind kind) const;

  void ReduceAdam();
  void UpdateAdam();
  void StatesOf(int parameter);
  void StatesOf(const MuonGroup& group);
  void StackedKernel(const MuonGroup& group, int64_t count);
  void SingleIteration(const MuonGroup& group);
  void StepOneByOne();
  void StepOneByOneSharded();
  void StepStacked();
  void StepStackedSharded();

  const Job& job_;
  Writer* w_;
  bool communicates_;
  bool has_states_ = false;
  Staging staging_;
  std::vector<AllocationId> waited_;     // let go at the end of the step
  std::vector<nanochat::State> states_;  // not yet allocated
  std::vector<int> adam_;
  std::vector<MuonGroup> muon_;
  std::vector<AllocationId> gradients_;
};

}  // namespace vramcast::forecast
