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
  std::vector<int64_t> shape;  // never empty: a scalar is {1}
  Dtype dtype = Dtype::kFp32;

  int64_t elements() const;
  Bytes bytes() const;
};

struct Parameter : Tensor {
  int group = 0;           // index into Shapes::groups
  int layer = -1;          // of the block or value embedding that it belongs to, or -1
  bool linear = false;     // weight of a Linear: multiplied in the activation dtype
  bool embedding = false;  // rows are looked up: wte, value embeddings, bigram embedding
  bool fp8 = false;        // that Linear is converted to fp8
};

// One param_group, in the order in which the optimizer holds it.
struct Group {
  UpdateKind kind = UpdateKind::kAdamW;
  std::vector<int> parameters;  // indices into Shapes::parameters, in the optimizer's order
};

// A tensor that the optimizer keeps on this rank.
struct State : Tensor {
  int group = 0;                // index into Shapes::groups
  int parameter = -1;           // whose state it is; -1: of the whole group
  bool from_the_start = false;  // made with the optimizer, not in its first step
};

struct Shapes {
  std::vector<Parameter> parameters;  // in the order in which to_empty allocates them
  std::vector<Tensor> buffers;        // cos and sin, after init_weights
  std::vector<Group> groups;

  int64_t parameter_count() const;  // what "Number of parameters" prints
  Bytes parameter_bytes() const;
};

int64_t SizeOf(Dtype dtype);  // bytes an element

Shapes ShapesOf(const RunConfig& config);

// What rank `rank` keeps, in the order of its making: AdamW's moments and step counts that live on
// the device, Muon's momenta, sharded and padded as that revision does it, and DistMuon's zero
// buffers. An int64 step count is written as two fp32 elements.
std::vector<State> OptimizerStates(const RunConfig& config, const Shapes& shapes, int64_t rank = 0);

// The number of slots of a stack of `count` tensors padded to a multiple of world_size.
int64_t PaddedCount(int64_t count, int64_t world_size);

// Whether AdamW updates this parameter in slices, one for each rank.
bool IsSliced(const RunConfig& config, const Parameter& parameter);

}  // namespace vramcast::nanochat
