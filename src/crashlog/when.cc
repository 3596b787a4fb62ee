#include "crashlog/when.h"

#include <re2/re2.h>

#include <string>

#include "base/text.h"

namespace vramcast::crashlog {
namespace {

// What one frame says about the time. A frame may say several things.
struct Signs {
  bool core = false, evaluation = false, generation = false, save = false, load = false;
  bool backward = false, optimizer = false, forward = false, set_up = false;
  bool training = false, inference = false;
};

bool Matches(const std::string& text, const RE2& pattern) {
  return RE2::PartialMatch(text, pattern);
}

Signs Read(const Frame& frame) {
  static const RE2 kEvaluation(
      R"((?:^|[._])(?:evaluate|evaluation|validate|validation|validation_step|eval|val|valid|test_step)(?:_|\.|$)|(?:quick_eval|run_eval|evaluate_|do_eval|eval_epoch|val_epoch|eval_step))");
  static const RE2 kEvaluationCode(
      R"(\b(?:evaluate\w*|validate|validation\w*|run_eval\w*|val_step|eval_step)\()");
  static const RE2 kEvaluationFile(
      R"((?:^|/)(?:\w*_)?(?:eval|evaluate|evaluation|validate|val)\.py$)");
  static const RE2 kCore(R"((?:^|/)core_eval\.py$)");
  static const RE2 kGeneration(
      R"(^(?:generate\w*|sample|_sample|greedy_search|beam_search|decode_step|prefill\w*|predict|infer|inference|run_inference)$|\.generate$)");
  static const RE2 kGenerationCode(R"(\.(?:generate\w*|predict|infer|prefill)\()");
  static const RE2 kSave(
      R"(^(?:save_checkpoint|_save_checkpoint|save_model|save|_save|state_dict)$)");
  static const RE2 kLoad(
      R"(^(?:load_checkpoint|load_state_dict|_load_from_checkpoint|resume\w*|load_optimizer\w*)$)");
  static const RE2 kSetUp(
      R"(^(?:__init__|to|cuda|_apply|to_empty|convert|init_weights|_init_weights|from_pretrained|_load_pretrained_model|load_model|build_model|create_model|initialize|load_weights|_init_model|_configure_distributed_model|_move_\w+|setup)$)");
  static const RE2 kSetUpCode(
      R"(\.(?:cuda|to_empty|from_pretrained)\(|(?:model|module|net|pipe\w*|encoder|transformer)\.to\()");
  static const RE2 kTrainingFile(
      R"((?:^|/)[^/]*(?:train|finetun|sft|pretrain|trainer|chat_rl)[^/]*\.py$)");
  static const RE2 kTrainingName(
      R"((?:^|_)(?:train|training|fit|finetune|training_step|train_step)(?:_|$))");
  static const RE2 kLossCode(R"(\b\w*loss\w* ?(?:,[^=]*)?=|criterion\()");
  static const RE2 kInferenceFile(
      R"((?:infer|generat|predict|demo|serve|server|pipeline|gradio|webui|app\.py|chat_cli|chat_web|engine|comfy)[^/]*(?:\.py)?(?:/|$))");
  static const RE2 kOptimizerName(
      R"(^(?:_?step\w*|_multi_tensor_\w+|_single_tensor_\w+|_fused_\w+|_init_group|adamw?|optimizer_step)$)");

  const std::string file = ToLower(frame.file);
  const std::string name = ToLower(frame.function.substr(frame.function.rfind('.') + 1));
  const std::string code = ToLower(frame.code);
  const bool in_torch = Contains(file, "site-packages/torch/") ||
                        Contains(file, "dist-packages/torch/") || Contains(file, "torch/nn/") ||
                        Contains(file, "torch/optim/") || Contains(file, "torch/autograd/") ||
                        Contains(file, "torch/_");
  Signs s;
  s.core = Matches(file, kCore) || name == "evaluate_core" || name == "evaluate_model" ||
           (Contains(file, "base_eval") && Contains(name, "evaluate_model"));
  if (!in_torch) {
    s.evaluation = Matches(name, kEvaluation) || Matches(file, kEvaluationFile) ||
                   Matches(code, kEvaluationCode);
    s.generation = Matches(name, kGeneration) || Matches(code, kGenerationCode);
    s.training = Matches(file, kTrainingFile) || Matches(name, kTrainingName) ||
                 Matches(code, kLossCode) || Contains(code, "trainer.");
    s.inference = Matches(file, kInferenceFile);
  }
  s.save =
      Matches(name, kSave) || Contains(code, "torch.save(") || Contains(code, "save_checkpoint(");
  s.load = Matches(name, kLoad) || Contains(code, "load_checkpoint(") ||
           Contains(code, "load_state_dict(");
  s.backward = name == "backward" || Contains(code, ".backward(") ||
               Contains(name, "run_backward") || Contains(code, "run_backward(") ||
               Contains(code, "autograd.grad(");
  const bool optimizer_file = Contains(file, "/optim/") || Contains(file, "optimizer") ||
                              Contains(file, "optim.py") || Contains(file, "adamw") ||
                              Contains(file, "muon");
  s.optimizer = (optimizer_file && Matches(name, kOptimizerName)) ||
                Contains(code, "optimizer.step(") || Contains(code, "opt.step(") ||
                Contains(code, "optim.step(");
  s.forward = name == "forward" || name == "_call_impl" || name == "_wrapped_call_impl" ||
              name == "__call__" || name == "forward_step" || Contains(code, "self.forward(") ||
              Matches(code, kLossCode) || Contains(name, "cross_entropy") ||
              Contains(code, "torch.nn.functional.") || Contains(code, " f.");
  s.set_up = Matches(name, kSetUp) || Matches(code, kSetUpCode);
  return s;
}

Phase PhaseOfStack(const std::vector<Frame>& frames, bool after_first, bool training,
                   bool& in_backward) {
  bool core = false, evaluation = false, generation = false, inference = false;
  bool no_grad = false;
  std::optional<size_t> backward, optimizer, forward, set_up, save, load;  // the innermost of each
  for (size_t i = 0; i < frames.size(); ++i) {
    const Signs s = Read(frames[i]);
    core = core || s.core;
    evaluation = evaluation || s.evaluation;
    generation = generation || s.generation;
    training = training || s.training;
    inference = inference || s.inference;
    no_grad = no_grad || frames[i].function.find("decorate_context") != std::string::npos;
    if (s.backward) backward = i;
    if (s.optimizer) optimizer = i;
    if (s.forward) forward = i;
    if (s.set_up) set_up = i;
    if (s.save) save = i;
    if (s.load) load = i;
  }
  in_backward = backward.has_value();
  if (core) {
    return Phase::kCoreMetric;
  }
  if (evaluation) {
    return Phase::kEvaluation;
  }
  if (generation) {
    return training ? Phase::kSampling : Phase::kInference;
  }
  if (backward) {
    return after_first ? Phase::kTrainStep : Phase::kFirstBackward;
  }
  // A closure runs forward inside the optimizer's step.
  if (optimizer && (!forward || *forward <= *optimizer)) {
    return after_first ? Phase::kTrainStep : Phase::kFirstOptimizerStep;
  }
  if (save && (!forward || *forward < *save)) {
    return Phase::kSave;
  }
  if (load && (!forward || *forward < *load)) {
    return training ? Phase::kResume : Phase::kModelInit;
  }
  // Set-up that calls forward is a warm-up; forward that sets up is a layer being moved in.
  if (set_up && !forward) {
    return Phase::kModelInit;
  }
  if (forward) {
    if (training && !(inference && no_grad)) {
      return after_first ? Phase::kTrainStep : Phase::kFirstForward;
    }
    if (no_grad || inference) {
      return Phase::kInference;
    }
    return after_first ? Phase::kTrainStep : Phase::kUnknown;
  }
  return Phase::kUnknown;
}

Phase PhaseOfWording(const OomEvent& event) {
  switch (event.wording) {
    case Wording::kPrimaryContext:
    case Wording::kVllmCacheBlocks:
    case Wording::kVllmStartup:
    case Wording::kVllmSequence:
    case Wording::kSglang:
    case Wording::kLlamaCpp:
    case Wording::kTensorflowPool:
      return Phase::kModelInit;
    default:
      return Phase::kUnknown;
  }
}

// After how many steps a death is no longer one of the first batches: shapes that had not come yet
// and the optimizer's state, which exists from the second step on, are seen by then.
constexpr int64_t kSettledSteps = 3;

Pattern PatternOf(Phase phase, const std::optional<Progress>& progress) {
  const int64_t finished = progress ? progress->finished : 0;
  switch (phase) {
    case Phase::kModelInit:
    case Phase::kResume:
      return Pattern::kStart;
    case Phase::kFirstForward:
    case Phase::kFirstBackward:
    case Phase::kFirstOptimizerStep:
      return Pattern::kFirstBatch;
    case Phase::kTrainStep:
      return finished >= kSettledSteps ? Pattern::kGradual : Pattern::kFirstBatch;
    case Phase::kEvaluation:
    case Phase::kCoreMetric:
    case Phase::kSampling:
      return Pattern::kEvaluation;
    case Phase::kSave:
      return finished >= kSettledSteps ? Pattern::kGradual : Pattern::kUnknown;
    case Phase::kInference:
    case Phase::kUnknown:
      break;
  }
  if (progress && phase == Phase::kUnknown) {
    return finished >= kSettledSteps ? Pattern::kGradual : Pattern::kFirstBatch;
  }
  return Pattern::kUnknown;
}

}  // namespace

Phase PhaseOfFrames(const std::vector<Frame>& frames, bool after_first) {
  bool in_backward = false;
  return PhaseOfStack(frames, after_first, false, in_backward);
}

void SetWhen(OomEvent& event, const std::optional<Progress>& progress, bool evaluating,
             bool training_program) {
  const bool after_first = progress && progress->finished > 0;
  if (progress) {
    event.step = progress->step;
  }
  event.phase = PhaseOfStack(event.frames, after_first, training_program, event.in_backward);
  if (event.phase == Phase::kUnknown) {
    event.phase = PhaseOfWording(event);
  }
  if (event.phase == Phase::kUnknown && MemoryOf(event.wording) != Memory::kNone) {
    if (evaluating) {
      event.phase = Phase::kEvaluation;
    } else if (after_first) {
      event.phase = Phase::kTrainStep;
    }
  }
  event.pattern = PatternOf(event.phase, progress);
}

}  // namespace vramcast::crashlog
