#include "models/program.h"

#include <algorithm>
#include <utility>

#include "models/model.h"
#include "models/optimizer.h"

namespace vramcast::models {
namespace {

constexpr size_t kSteps = 3;

void Step(Context& c, Model& model, Optimizer& optimizer, const TrainingOptions& options,
          int64_t sequence, bool first) {
  for (int64_t micro = 0; micro < options.accumulation; ++micro) {
    const Phase forward = first ? Phase::kFirstForward : Phase::kTrainStep;
    const Phase backward = first ? Phase::kFirstBackward : Phase::kTrainStep;
    if (options.compile) {
      model.CompiledPass(sequence, forward, backward);
      continue;
    }
    c.pen().Enter(forward);
    c.EnterAutocast();
    const Tensor loss = model.Loss(sequence);
    c.LeaveAutocast();
    c.pen().Enter(backward);
    c.Backpropagate(loss, c.Fresh(Role::kSmall, 1, 4));
  }
  c.pen().Enter(first ? Phase::kFirstOptimizerStep : Phase::kTrainStep);
  optimizer.Step(model.parameters());
  Optimizer::ZeroGradients(model.parameters());
}

}  // namespace

Program WriteProgram(const ModelConfig& config, const TrainingOptions& options,
                     const Machine& machine) {
  Program program;
  auto context = std::make_unique<Context>(machine);
  context->set_autocast_wanted(options.precision == Precision::kAmp);
  context->pen().Enter(Phase::kModelInit);
  {
    Model model(context.get(), config, options);
    Optimizer optimizer(context.get(), options.optimizer);
    program.parameters = model.parameter_count();
    program.trainable = model.trainable_count();
    const size_t steps = std::max(kSteps, options.sequence_lengths.size());
    for (size_t step = 0; step < steps; ++step) {
      const int64_t sequence = options.sequence_lengths[step % options.sequence_lengths.size()];
      const Tensor ids = context->Fresh(Role::kBatch, options.batch_size * sequence, 8);
      Step(*context, model, optimizer, options, sequence, step == 0);
    }
    program.trace = std::move(context->pen()).Take();  // what is left at the end stays
  }
  return program;
}

}  // namespace vramcast::models
