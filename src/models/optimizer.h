// The optimizer's states and temporaries, as torch.optim (2.9) and bitsandbytes make them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/context.h"
#include "models/options.h"

namespace vramcast::models {

class Optimizer {
 public:
  Optimizer(Context* context, OptimizerKind kind) : c_(*context), kind_(kind) {}
  // Of the parameters that have a gradient.
  void Step(const std::vector<std::unique_ptr<Parameter>>& parameters);
  static void ZeroGradients(const std::vector<std::unique_ptr<Parameter>>& parameters);

 private:
  // What one optimizer object of the program steps.
  void StepGroup(const std::vector<Parameter*>& trained, bool by_muon);
  void MakeStates(const Parameter& parameter);
  void StepAdafactor(const std::vector<Parameter*>& trained);
  void StepMuon(const Parameter& parameter);

  Context& c_;
  OptimizerKind kind_;
  bool has_states_ = false;
  std::vector<Tensor> states_;
};

}  // namespace vramcast::models
