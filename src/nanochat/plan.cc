#include "nanochat/plan.h"

#include <algorithm>
#include <optional>

namespace vramcast::nanochat {
namespace {

// Fixed in the scripts: tokens of a sample during base training, of an unconditioned one and how
// many of those (base_eval), of pass@k's completions (chat_rl), of a ChatCORE answer (chat_eval).
constexpr int64_t kSampleTokens = 16, kFreeTokens = 128, kFreeRows = 8, kPassTokens = 256,
                  kAnswerTokens = 512;

class Planner {
 public:
  explicit Planner(const RunConfig& config)
      : config_(config),
        family_(*config.revision.family),
        rows_(*config.device_batch_size),
        start_(std::max<int64_t>(0, *config.resume_from_step)),
        last_(*config.num_iterations > 0 ? *config.num_iterations : PlannedAction::kLastStep) {}

  std::vector<PlannedAction> Plan() {
    Once(Action::kBuildModel);
    switch (config_.stage) {
      case Stage::kBase:
        PlanBase();
        break;
      case Stage::kMid:
        PlanPacked();
        break;
      case Stage::kSft:
        if (family_.sft == SftStyle::kPadded) {
          PlanPaddedSft();
        } else {
          PlanPacked();
        }
        break;
      case Stage::kRl:
        PlanRl();
        break;
      case Stage::kBaseEval:
        PlanBaseEval();
        break;
      case Stage::kChatEval:
        PlanChatEval();
        break;
    }
    return std::move(plan_);
  }

 private:
  PlannedAction& At(int64_t step, Action action, int64_t rows = 0, int64_t tokens = 0) {
    PlannedAction planned;
    planned.action = action;
    planned.step = step;
    planned.rows = rows;
    planned.tokens = tokens;
    plan_.push_back(planned);
    return plan_.back();
  }
  PlannedAction& Once(Action action) { return At(start_, action); }

  // The first step at which something done every `every` steps happens, step 0 excluded; nothing
  // if the run ends before.
  std::optional<int64_t> FirstPeriodic(int64_t every) const {
    if (every <= 0) return std::nullopt;
    const int64_t step = (start_ / every + 1) * every;
    if (last_ != PlannedAction::kLastStep && step >= last_) return std::nullopt;
    return step;
  }

  void TrainTwice(bool compiled) {
    At(start_, Action::kTrainStep, rows_).compiled = compiled;
    if (last_ == PlannedAction::kLastStep || start_ + 1 < last_) {
      At(start_ + 1, Action::kTrainStep, rows_).compiled = compiled;
    }
  }

  void Evaluate(int64_t step, bool compiled) {
    if (config_.eval_steps > 0) At(step, Action::kEvaluateLoss, rows_).compiled = compiled;
  }

  void BaseMetric(int64_t step) { At(step, Action::kCoreMetric); }

  void Sample(int64_t step) {
    PlannedAction& sample = At(step, Action::kSample, 1, kSampleTokens);
    sample.master_only = true;
    sample.compiled = family_.samples_compiled;
  }

  void Save(int64_t step, bool master_only) { At(step, Action::kSave).master_only = master_only; }

  void PlanBase() {
    if (*config_.resume_from_step >= 0) {
      Once(Action::kLoadCheckpoint);
      Once(Action::kLoadOptimizer);
    }
    const bool evaluates = *config_.eval_every > 0;
    if (evaluates && start_ % *config_.eval_every == 0) Evaluate(start_, true);
    TrainTwice(true);
    // A phase that also happens at the end is listed earlier too: by then memory may look
    // different.
    const size_t periodic = plan_.size();
    if (const auto step = FirstPeriodic(*config_.eval_every)) Evaluate(*step, true);
    if (const auto step = FirstPeriodic(*config_.core_metric_every)) BaseMetric(*step);
    if (const auto step = FirstPeriodic(*config_.sample_every)) Sample(*step);
    if (const auto step = FirstPeriodic(*config_.save_every)) {
      Save(*step, !family_.all_ranks_save);
    }
    std::stable_sort(
        plan_.begin() + static_cast<std::ptrdiff_t>(periodic), plan_.end(),
        [](const PlannedAction& a, const PlannedAction& b) { return a.step < b.step; });
    if (evaluates) Evaluate(last_, true);
    if (*config_.core_metric_every > 0) BaseMetric(last_);
    if (*config_.sample_every > 0) Sample(last_);
    Save(last_, !family_.all_ranks_save);
  }

  // ChatCORE of SFT: problems by logits in one batch, and by generation one at a time.
  void ChatMetric(int64_t step, int64_t rows) {
    At(step, Action::kChatLogits, rows);
    At(step, Action::kChatGenerate, 1, kAnswerTokens);
  }

  void PlanPacked() {
    Once(Action::kLoadCheckpoint);
    if (*config_.load_optimizer) Once(Action::kLoadOptimizer);
    if (*config_.eval_every > 0) Evaluate(0, true);
    TrainTwice(true);
    const bool metric = config_.stage == Stage::kSft && *config_.core_metric_every > 0;
    if (metric) {
      if (const auto step = FirstPeriodic(*config_.core_metric_every)) ChatMetric(*step, rows_);
    }
    Evaluate(last_, true);
    if (metric) ChatMetric(last_, rows_);
    Save(last_, !(config_.stage == Stage::kSft && family_.sft == SftStyle::kInherits));
  }

  void PlanPaddedSft() {
    Once(Action::kLoadCheckpoint);
    if (*config_.eval_every > 0) Evaluate(0, false);
    TrainTwice(false);
    const bool metric = *config_.core_metric_every > 0;
    const int64_t rows = 2 * rows_;  // chat_sft doubles its batch where there are no gradients
    if (metric) {
      if (const auto step = FirstPeriodic(*config_.core_metric_every)) ChatMetric(*step, rows);
    }
    Evaluate(last_, false);
    if (metric) ChatMetric(last_, rows);
    Save(last_, true);
  }

  void PlanRl() {
    Once(Action::kLoadCheckpoint);
    At(0, Action::kChatGenerate, rows_, kPassTokens);
    At(0, Action::kRollout, rows_, *config_.max_new_tokens);
    TrainTwice(false);
    Save(last_, true);
  }

  void PlanBaseEval() {
    Once(Action::kLoadCheckpoint);
    if (*config_.sample_every > 0) {
      At(0, Action::kSample, 1, kSampleTokens).master_only = true;
      if (!family_.base_loss_script) {
        At(0, Action::kSample, kFreeRows, kFreeTokens).master_only = true;
      }
    }
    if (*config_.eval_every > 0) Evaluate(0, false);
    if (*config_.core_metric_every > 0) BaseMetric(0);
  }

  void PlanChatEval() {
    Once(Action::kLoadCheckpoint);
    At(0, Action::kChatLogits, rows_);
    At(0, Action::kChatGenerate, *config_.num_samples, *config_.max_new_tokens);
  }

  const RunConfig& config_;
  const Family& family_;
  const int64_t rows_, start_, last_;
  std::vector<PlannedAction> plan_;
};

}  // namespace

std::vector<PlannedAction> PlanOf(const RunConfig& config) { return Planner(config).Plan(); }

}  // namespace vramcast::nanochat
