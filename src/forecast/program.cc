#include "forecast/program.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "forecast/core_batch.h"
#include "forecast/eager_training.h"
#include "forecast/graph.h"
#include "forecast/inference.h"
#include "forecast/optimizer.h"
#include "nanochat/plan.h"

namespace vramcast::forecast {

using nanochat::Action;
using nanochat::Stage;

namespace {

// Steps to write: states and staging appear after the first, and a second set of staging tensors is
// full in the third.
constexpr int64_t kSteps = 3;
// Micro-steps to write for one step: the second differs, since gradients exist; later ones repeat
// it.
constexpr int64_t kMicroSteps = 2;
// Tokens of the prompts that base training samples from, at most ("The planets of the solar
// system are:").
constexpr int64_t kSamplePrompt = 12;

class Program {
 public:
  explicit Program(const Job& job) : job_(job) {}

  Trace Write() {
    w_.Enter(Phase::kModelInit);
    Start();
    for (const nanochat::PlannedAction& planned : nanochat::PlanOf(job_.config)) Do(planned);
    return std::move(w_).Take();
  }

 private:
  bool training() const {
    return job_.config.stage != Stage::kBaseEval && job_.config.stage != Stage::kChatEval;
  }
  bool compiled() const {
    return job_.compiles() && job_.config.stage != Stage::kRl &&
           !(job_.config.stage == Stage::kSft && job_.family().sft == nanochat::SftStyle::kPadded);
  }

  void Start();
  void BuildModel();
  void LoadCheckpoint();
  void NeedOptimizer();
  void LoadOptimizer();
  std::vector<AllocationId> Batch();
  void Evaluate(const nanochat::PlannedAction& planned);
  void Core();
  void Do(const nanochat::PlannedAction& planned);
  void Train();
  void Step(int64_t step);

  const Job& job_;
  Writer w_;
  Workspaces workspaces_;
  std::vector<AllocationId> parameters_;
  std::optional<Optimizer> optimizer_;
  std::vector<AllocationId> batch_;
  bool trained_ = false;
};

void Program::Start() {
  if (job_.config.distributed()) w_.Alloc(What::kSmall, 1);  // the barrier of compute_init
  if (training()) w_.Alloc(What::kSmall, 4 * job_.config.model.vocab_size);  // token_bytes
}

// to_empty on the device and init_weights: embeddings are fp32 until they are cast, rotary tables
// are made once more.
void Program::BuildModel() {
  std::vector<AllocationId> wide;  // fp32 originals, by parameter
  for (const nanochat::Parameter& parameter : job_.shapes.parameters) {
    const bool cast = job_.family().cast_after_init && parameter.dtype != nanochat::Dtype::kFp32;
    wide.push_back(cast ? w_.Alloc(What::kInitTemporary, 4 * parameter.elements())
                        : AllocationId{});
    parameters_.push_back(cast ? AllocationId{}
                               : w_.Alloc(What::kParameter, parameter.bytes().count()));
  }
  std::vector<AllocationId> meta, intermediates;
  for (const nanochat::Tensor& buffer : job_.shapes.buffers) {
    meta.push_back(w_.Alloc(What::kInitTemporary, buffer.bytes().count()));
  }
  // Angles, cosines and sines in fp32.
  const int64_t angles = 4 * job_.shapes.buffers.front().elements();
  for (int i = 0; i < 3; ++i) {
    intermediates.push_back(w_.Alloc(What::kInitTemporary, angles));
  }
  for (const nanochat::Tensor& buffer : job_.shapes.buffers) {
    w_.Alloc(What::kBuffer, buffer.bytes().count());
  }
  w_.Free(intermediates);
  w_.Free(meta);
  for (size_t i = 0; i < wide.size(); ++i) {
    if (!wide[i].valid()) continue;
    parameters_[i] = w_.Alloc(What::kParameter, job_.shapes.parameters[i].bytes().count());
    w_.Free(wide[i]);
  }
}

// The checkpoint's tensors take the place of the model's (load_state_dict(assign=True)), so both
// exist for a moment.
void Program::LoadCheckpoint() {
  std::vector<AllocationId> loaded;
  for (const nanochat::Parameter& parameter : job_.shapes.parameters) {
    loaded.push_back(w_.Alloc(What::kCheckpoint, parameter.bytes().count()));
  }
  w_.Free(parameters_);
  // From here on they are the parameters; the label follows.
  for (size_t i = 0; i < loaded.size(); ++i) {
    w_.Free(loaded[i]);
    parameters_.push_back(w_.Alloc(What::kParameter, job_.shapes.parameters[i].bytes().count()));
  }
}

void Program::NeedOptimizer() {
  if (!optimizer_) optimizer_.emplace(job_, &w_);
}

void Program::LoadOptimizer() {
  NeedOptimizer();
  optimizer_->MakeStates();
}

std::vector<AllocationId> Program::Batch() {
  const nanochat::Family& family = job_.family();
  if (family.loader_keeps_buffer) return {w_.Alloc(What::kBatch, 16 * job_.tokens())};
  return {w_.Alloc(What::kBatch, family.input_id_bytes * job_.tokens()),
          w_.Alloc(What::kBatch, 8 * job_.tokens())};
}

void Program::Evaluate(const nanochat::PlannedAction& planned) {
  w_.Enter(Phase::kEvaluation);
  std::vector<AllocationId> batch = Batch();
  if (planned.compiled && job_.compiles()) {
    CompiledEvaluation(job_, &workspaces_, &w_);
  } else {
    std::vector<AllocationId> weights = EagerWeights(job_, &w_);
    EagerForward(job_,
                 {.rows = planned.rows > 0 ? planned.rows : job_.batch(),
                  .tokens = job_.seq(),
                  .with_loss = true},
                 &workspaces_, &w_);
    w_.Free(weights);
  }
  w_.Free(batch);
}

void Program::Core() {
  w_.Enter(Phase::kCoreMetric);
  std::vector<AllocationId> weights = EagerWeights(job_, &w_);
  const std::vector<CoreBatch> batches = CoreBatches(job_);
  for (const CoreBatch& batch : batches) {
    EagerForward(job_,
                 {.rows = batch.rows,
                  .tokens = batch.tokens,
                  .with_loss = true,
                  .only_logits = &batch != &batches.back()},
                 &workspaces_, &w_);
  }
  w_.Free(weights);
}

void Program::Do(const nanochat::PlannedAction& planned) {
  const int64_t rows = std::max<int64_t>(planned.rows, 1);
  const int64_t prompt =
      *job_.config.prompt_tokens > 0 ? *job_.config.prompt_tokens : kSamplePrompt;
  switch (planned.action) {
    case Action::kBuildModel:
      w_.Enter(Phase::kModelInit);
      BuildModel();
      break;
    case Action::kLoadCheckpoint:
      w_.Enter(*job_.config.resume_from_step >= 0 ? Phase::kResume : Phase::kModelInit);
      LoadCheckpoint();
      break;
    case Action::kLoadOptimizer:
      w_.Enter(*job_.config.resume_from_step >= 0 ? Phase::kResume : Phase::kModelInit);
      LoadOptimizer();
      break;
    case Action::kEvaluateLoss:
      Evaluate(planned);
      break;
    case Action::kCoreMetric:
      Core();
      break;
    case Action::kChatLogits:
      w_.Enter(training() ? Phase::kEvaluation : Phase::kInference);
      EagerForward(job_, {.rows = rows, .tokens = prompt}, &workspaces_, &w_);
      break;
    case Action::kChatGenerate:
      w_.Enter(training() ? Phase::kEvaluation : Phase::kInference);
      Generate(job_, prompt, planned.tokens, rows, &workspaces_, &w_);
      break;
    case Action::kSample:
      w_.Enter(Phase::kSampling);
      Generate(job_, prompt, planned.tokens, rows, &workspaces_, &w_);
      break;
    case Action::kRollout:
      w_.Enter(Phase::kSampling);
      Generate(job_, prompt, planned.tokens, rows, &workspaces_, &w_);
      break;
    case Action::kTrainStep:
      Train();
      break;
    case Action::kSave:
      w_.Enter(Phase::kSave);
      w_.Touch(What::kSmall, 512);  // tensors are copied to the host one by one
      break;
  }
}

// All steps are written at the first mention: what comes between them later meets the same state.
void Program::Train() {
  if (trained_) return;
  trained_ = true;
  NeedOptimizer();
  if (batch_.empty()) batch_ = Batch();
  const int64_t asked = *job_.config.num_iterations;
  const int64_t steps = asked > 0 ? std::min(asked, kSteps) : kSteps;
  for (int64_t step = 0; step < steps; ++step) Step(step);
}

void Program::Step(int64_t step) {
  const int64_t micro_steps =
      std::min(std::max<int64_t>(job_.config.grad_accum_steps, 1), kMicroSteps);
  std::vector<AllocationId> gradients;
  for (int64_t micro = 0; micro < micro_steps; ++micro) {
    // Every micro-batch of the first step is its first forward and backward pass.
    const bool first = step == 0;
    w_.Enter(first ? Phase::kFirstForward : Phase::kTrainStep);
    std::vector<AllocationId> made;
    if (compiled()) {
      Saved saved = ForwardPass(job_, &workspaces_, &w_);
      if (first) w_.Enter(Phase::kFirstBackward);
      made = BackwardPass(job_, &saved, &workspaces_, &w_);
      w_.Free(saved.value);
    } else {
      made = EagerTrainingPass(job_, first, &workspaces_, &w_);
    }
    if (gradients.empty()) {
      gradients = std::move(made);
    } else {
      // The whole backward graph is one node of autograd: its gradients are added at its end.
      w_.Free(made);
    }
    if (!job_.family().loader_keeps_buffer) {
      std::vector<AllocationId> next = Batch();
      w_.Free(batch_);
      batch_ = std::move(next);
    }
  }
  w_.Enter(step == 0 ? Phase::kFirstOptimizerStep : Phase::kTrainStep);
  optimizer_->Step(std::move(gradients));
}

}  // namespace

Trace WriteProgram(const Job& job) { return Program(job).Write(); }

}  // namespace vramcast::forecast
