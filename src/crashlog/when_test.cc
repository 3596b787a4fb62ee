#include "crashlog/when.h"

#include <gtest/gtest.h>

#include <vector>

namespace vramcast::crashlog {
namespace {

std::optional<Progress> After(int64_t finished) {
  Progress progress;
  progress.step = progress.finished = finished;
  return progress;
}

struct Case {
  std::vector<Frame> frames;
  int64_t finished;
  Phase phase;
  Pattern pattern;
};

TEST(SetWhen, ReadsTheStack) {
  const Frame main{"/a/train.py", 9, "<module>", "loss = model(x, y)"};
  const Frame call{"/p/site-packages/torch/nn/modules/module.py", 1, "_call_impl",
                   "return forward_call(*args, **kwargs)"};
  const Frame forward{"/a/gpt.py", 5, "forward", "logits = self.lm_head(x)"};
  const std::vector<Case> cases = {
      {{main, call, forward}, 0, Phase::kFirstForward, Pattern::kFirstBatch},
      {{main, call, forward}, 50, Phase::kTrainStep, Pattern::kGradual},
      {{{"/a/train.py", 9, "<module>", "loss.backward()"}, forward},
       0,
       Phase::kFirstBackward,
       Pattern::kFirstBatch},
      {{{"/a/train.py", 9, "main", "opt.step()"},
        {"/p/site-packages/torch/optim/adam.py", 1, "step", ""},
        {"/p/site-packages/torch/optim/adam.py", 2, "_multi_tensor_adam", ""}},
       0,
       Phase::kFirstOptimizerStep,
       Pattern::kFirstBatch},
      // A closure: the step of the optimizer calls forward.
      {{{"/p/site-packages/torch/optim/adamw.py", 1, "step", "loss = closure()"},
        {"/a/model_train.py", 3, "training_step", "out = self(batch)"},
        call,
        forward},
       0,
       Phase::kFirstForward,
       Pattern::kFirstBatch},
      {{{"/a/train.py", 9, "main", "model.to(device)"},
        {"/p/site-packages/torch/nn/modules/module.py", 1, "to", "return self._apply(convert)"},
        {"/p/site-packages/torch/nn/modules/module.py", 2, "_apply", ""}},
       0,
       Phase::kModelInit,
       Pattern::kStart},
      {{main, {"/a/core_eval.py", 1, "forward_model", "outputs = model(ids)"}, call},
       900,
       Phase::kCoreMetric,
       Pattern::kEvaluation},
      {{main, {"/a/loss_eval.py", 1, "evaluate_bpb", "loss2d = model(x, y)"}, call},
       900,
       Phase::kEvaluation,
       Pattern::kEvaluation},
      {{{"/a/base_train.py", 9, "<module>", "engine.generate_batch(tokens)"}, call, forward},
       900,
       Phase::kSampling,
       Pattern::kEvaluation},
      {{{"/a/run.py", 9, "<module>", "out = pipe.generate(ids)"}, call, forward},
       0,
       Phase::kInference,
       Pattern::kUnknown},
      {{{"/a/lib.py", 9, "work", "y = x * 2"}}, 0, Phase::kUnknown, Pattern::kUnknown},
  };
  for (const Case& c : cases) {
    OomEvent event;
    event.frames = c.frames;
    SetWhen(event, c.finished > 0 ? After(c.finished) : std::nullopt, false,
            c.frames[0].file.find("train") != std::string::npos);
    EXPECT_EQ(PhaseName(event.phase), PhaseName(c.phase)) << c.frames[0].code;
    EXPECT_EQ(PatternName(event.pattern), PatternName(c.pattern)) << c.frames[0].code;
  }
}

TEST(SetWhen, StepsAloneTellToo) {
  OomEvent event;
  SetWhen(event, After(1129), false, false);
  EXPECT_EQ(event.phase, Phase::kTrainStep);
  EXPECT_EQ(event.pattern, Pattern::kGradual);
  OomEvent evaluation;
  SetWhen(evaluation, After(5), true, false);
  EXPECT_EQ(evaluation.phase, Phase::kEvaluation);
}

}  // namespace
}  // namespace vramcast::crashlog
