// The compiled training graph: what Inductor's forward graph keeps for its backward graph, and in
// which order the backward graph frees it and makes gradients. Which values are kept and which are
// computed again is what the partitioner of PyTorch 2.9 (functorch/_partitioners.py, min-cut)
// decides for each family of nanochat; read off traces of real compiled runs.
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/attention.h"
#include "forecast/job.h"
#include "forecast/writer.h"

namespace vramcast::forecast {

// Workspaces stay once made: one for the thread that runs forward passes, one for autograd's.
struct Workspaces {
  AllocationId forward, backward, forward_lt, backward_lt;
};

struct LayerSaved {
  AllocationId residual, statistic, normed, fp8_input;
  AllocationId wq, wk, wv, wproj, wfc, wout;  // 16-bit copies of the weights
  AllocationId raw_query;                     // kept under autocast instead of rotated ones
  AllocationId rotated_query, rotated_key, query_statistic, key_statistic, query, key;
  AllocationId raw_value, value, gate_weight, gate;
  AttentionSaved attention;
  AllocationId projection, mid_statistic, mid_normed;
  AllocationId hidden, activated, mlp_out;
  AllocationId checkpoint;  // its input, where the block is computed again in the backward pass
};

struct Saved {
  AllocationId embedded, embedded_statistic, smear_weight, smear_input, smear_gate;
  AllocationId residual, mask;
  std::vector<LayerSaved> layers;
  AllocationId final_statistic, final_normed, head_weight, logits;
  std::vector<AllocationId> loss;  // statistics of the loss
  AllocationId value;              // the loss itself
};

// Writes the forward pass of one micro-batch, loss included.
Saved ForwardPass(const Job& job, Workspaces* workspaces, Writer* writer);

// Frees what a layer kept.
void FreeLayer(LayerSaved* saved, Writer* writer);
// Writes the backward pass: frees all of `saved`; returns the gradients, by parameter.
std::vector<AllocationId> BackwardPass(const Job& job, Saved* saved, Workspaces* workspaces,
                                       Writer* writer);

}  // namespace vramcast::forecast
