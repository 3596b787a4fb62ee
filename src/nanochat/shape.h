// The tensors of the model and of the optimizer's state: name, shape and dtype of each, exactly as
// nanochat creates them, so that bytes follow by counting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "nanochat/run_config.h"

namespace vramcast::nanochat {

enum class UpdateKind : uint8_t { kAdamW, kMuon };

struct Tensor {
  std::string name;            // as in state_dict: "transformer.h.0.attn.c_q.weight"
  std::vector<int64_t> shape;  // never empty
  Dtype dtype = Dtype::kFp32;

  int64_t elements() const;
  Bytes bytes() const;
};

struct Parameter : Tensor {
  int group = 0;        // index into Shapes::groups
  int layer = -1;       // of the block it belongs to, or -1
  bool linear = false;  // weight of a Linear: multiplied in the activation dtype
  bool fp8 = false;     // that Linear is converted to fp8
};

// One param_group, in the order in which the optimizer holds it.
struct Group {
  UpdateKind kind = UpdateKind::kAdamW;
  std::vector<int> parameters;  // indices into Shapes::parameters, in the optimizer's order
};

// A tensor that the optimizer keeps on this rank from its first step on.
struct State : Tensor {
  int group = 0;
  bool on_cpu = false;
};

struct Shapes {
  std::vector<Parameter> parameters;  // in the order of model.parameters()
  std::vector<Tensor> buffers;        // cos and sin, after init_weights
  std::vector<Group> groups;
  int64_t parameter_count = 0;  // what "Number of parameters" prints

  Bytes parameter_bytes() const;
};

int64_t SizeOf(Dtype dtype);  // bytes per element

Shapes ShapesOf(const RunConfig& config);

// What rank `rank` keeps: AdamW's moments and Muon's momentum, sharded and padded as that revision
// does it, and DistMuon's zero buffers.
std::vector<State> OptimizerStates(const RunConfig& config, const Shapes& shapes, int rank = 0);

// The number of padded slots (a multiple of world_size) of a stack of `count` tensors.
int64_t PaddedCount(int64_t count, int64_t world_size);

}  // namespace vramcast::nanochat
