// Autograd as PyTorch runs it, for memory alone: which node runs next, when saved tensors and
// gradients go, and when a sum of gradients needs memory of its own.
// Rules: torch/csrc/autograd/engine.cpp and input_buffer.cpp, PyTorch 2.9.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "models/gradients.h"
#include "models/tensor.h"

namespace vramcast::models {

// Given the gradients of a node's outputs, makes those of its inputs, one per edge of `next`; an
// empty tensor (count 0) where none is wanted.
using Backward = std::function<Gradients(Gradients& gradients)>;

struct Node {
  uint64_t sequence = 0;  // later operations run first; leaves before all
  // By input: where its gradient goes; one of another width is cast to `width`.
  struct Next {
    Edge edge;
    int64_t width = 0;
  };
  std::array<Next, Gradients::kMost> next;
  size_t inputs = 0;
  Backward backward;    // owns what the operation saved
  Gradients gradients;  // by output, as they arrive
  int waiting = 0;      // of `next` edges of other nodes that lead here
  bool seen = false;
};
inline constexpr uint64_t kLeafSequence = UINT64_MAX;

// Runs everything that `loss` came from. `gradient` is the gradient of the loss.
void RunBackward(Pen* pen, const Tensor& loss, Tensor gradient);

}  // namespace vramcast::models
