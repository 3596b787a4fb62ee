#include "models/program.h"

#include <algorithm>
#include <map>
#include <utility>

#include "models/model.h"
#include "models/optimizer.h"
#include "models/sharding.h"

namespace vramcast::models {
namespace {

constexpr size_t kSteps = 3;
constexpr int64_t kMicroBatches = 4;

// Where a step stands in the trace.
struct Written {
  TraceBuilder::Mark from, to;
};

void Step(Context& c, Model& model, Sharding& sharding, Optimizer& optimizer,
          const TrainingOptions& options, int64_t sequence, bool first) {
  // From the second micro-batch on all are alike.
  for (int64_t micro = 0; micro < std::min(options.accumulation, kMicroBatches); ++micro) {
    const Phase forward = first ? Phase::kFirstForward : Phase::kTrainStep;
    const Phase backward = first ? Phase::kFirstBackward : Phase::kTrainStep;
    if (options.compile) {
      model.CompiledPass(sequence, forward, backward);
      sharding.FinishBackward();
      continue;
    }
    c.pen().Enter(forward);
    c.EnterAutocast();
    const Tensor loss = model.Loss(sequence);
    c.LeaveAutocast();
    c.pen().Enter(backward);
    c.Backpropagate(loss, c.Fresh(Role::kSmall, 1, 4));
    sharding.FinishBackward();
  }
  c.pen().Enter(first ? Phase::kFirstOptimizerStep : Phase::kTrainStep);
  sharding.BeforeStep();
  optimizer.Step(sharding.splits_states() ? sharding.shards() : model.parameters());
  Optimizer::ZeroGradients(model.parameters());
  Optimizer::ZeroGradients(sharding.shards());
}

}  // namespace

Program WriteProgram(const ModelConfig& config, const TrainingOptions& options,
                     const Machine& machine, Rounds rounds) {
  Program program;
  auto context = std::make_unique<Context>(machine);
  // Sharding wrappers cast whole layers themselves.
  context->set_autocast_wanted(options.precision == Precision::kAmp &&
                               !SplitOf(options.parallel).states);
  context->pen().Enter(Phase::kModelInit);
  {
    Sharding sharding(context.get(), options);
    Model model(context.get(), config, options, &sharding);
    sharding.Attach(model.units());
    Optimizer optimizer(context.get(), options.optimizer);
    program.parameters = model.parameter_count();
    program.trainable = model.trainable_count();
    const size_t steps = std::max(kSteps, options.sequence_lengths.size());
    std::map<int64_t, Written> written;  // by length
    for (size_t step = 0; step < steps; ++step) {
      const int64_t sequence = options.sequence_lengths[step % options.sequence_lengths.size()];
      if (step > 0) context->pen().Enter(Phase::kTrainStep);
      const auto before = written.find(sequence);
      if (rounds == Rounds::kRepeated && before != written.end()) {
        if (context->pen().Repeat(before->second.from, before->second.to)) continue;
      }
      const TraceBuilder::Mark from = context->pen().mark();
      {
        const Tensor ids = context->Fresh(Role::kBatch, options.batch_size * sequence, 8);
        Step(*context, model, sharding, optimizer, options, sequence, step == 0);
      }
      written.try_emplace(sequence, Written{from, context->pen().mark()});
    }
    program.trace = std::move(context->pen()).Take();  // what is left at the end stays
  }
  return program;
}

}  // namespace vramcast::models
