#include "crashlog/progress_line.h"

#include <re2/re2.h>

#include "base/text.h"

namespace vramcast::crashlog {
namespace {

// What a progress bar counts, from the words before it.
Progress::Of Counts(std::string_view label) {
  static const RE2 kLoading(
      R"((?i)load|download|shard|fetch|resolv|extract|filter|token|map|cach|prepar|generat|sampl|captur|compil|quant|convert|import|writing|reading|files)");
  static const RE2 kEvaluation(R"((?i)\b(?:val|valid|eval|test|predict))");
  const re2::StringPiece words(label.data(), label.size());
  if (RE2::PartialMatch(words, kLoading)) {
    return Progress::Of::kLoading;
  }
  return RE2::PartialMatch(words, kEvaluation) ? Progress::Of::kEvaluation
                                               : Progress::Of::kTraining;
}

// Numbers may be too long for 64 bits in foreign text.
std::optional<int64_t> Number(const std::string& text) { return ParseInt(text); }

}  // namespace

std::optional<Progress> ProgressOf(const std::string& line) {
  static const RE2 kBar(R"(^(.*?)\d{1,3}%\|[^|]*\|? *(\d{1,12})/(\d{1,12}) ?\[)");
  static const RE2 kRatio(R"(global_step/max_steps'?: ?'?(\d{1,12})/(\d{1,12}))");
  static const RE2 kEpochBatch(R"((?i)epoch\s*\[(\d{1,9})\]\s*\[\s*(\d{1,12})/(\d{1,12})\])");
  static const RE2 kStep(
      R"((?i)(?:^|[^\w/.-])(?:global[_ ]?|train(?:ing)?[_ ]?)?(?:step|iter(?:ation)?|episode|update)['"]?[\s:=#\[(]{1,4}(\d{1,12})(?:\s*(?:/|of)\s*(\d{1,12}))?)");
  static const RE2 kEpoch(R"((?i)\bepoch['"]?[\s:=#\[(]{1,4}(\d{1,9}))");
  static const RE2 kTrainerDict(R"(^\{'(?:loss|train_loss)': )");

  std::string label, step, total, epoch;
  Progress progress;
  // "Epoch 3: 12%|" as well as "epoch: 3".
  const bool has_epoch =
      (Contains(line, "poch") || Contains(line, "POCH")) && RE2::PartialMatch(line, kEpoch, &epoch);
  if (has_epoch) {
    progress.epoch = Number(epoch);
  }
  if (Contains(line, "%|") && RE2::PartialMatch(line, kBar, &label, &step, &total)) {
    progress.of = Counts(label);
    progress.step = Number(step).value_or(0);
    progress.finished = progress.step;
    progress.total = Number(total);
    if (progress.of == Progress::Of::kTraining && progress.epoch.value_or(0) > 0) {
      // Epochs count from 0 in most, from 1 in some programs: only the second is sure.
      progress.finished += *progress.epoch > 1 ? progress.total.value_or(1) : 0;
    }
    return progress;
  }
  if (Contains(line, "global_step/max_steps") && RE2::PartialMatch(line, kRatio, &step, &total)) {
    progress.step = progress.finished = Number(step).value_or(0);
    progress.total = Number(total);
    return progress;
  }
  if (has_epoch && RE2::PartialMatch(line, kEpochBatch, &epoch, &step, &total)) {
    progress.epoch = Number(epoch);
    progress.step = progress.finished = Number(step).value_or(0);
    progress.total = Number(total);
    return progress;
  }
  const bool may_count = Contains(line, "tep") || Contains(line, "TEP") || Contains(line, "iter") ||
                         Contains(line, "Iter") || Contains(line, "pisode") ||
                         Contains(line, "pdate");
  // Checkpoints are named by their step, and that step is not one of this run.
  const bool of_checkpoint = Contains(line, "oading") || Contains(line, "esum") ||
                             Contains(line, "heckpoint") || Contains(line, "valuating model");
  if (may_count && !of_checkpoint && RE2::PartialMatch(line, kStep, &step, &total)) {
    progress.step = Number(step).value_or(0);
    progress.total = total.empty() ? std::nullopt : Number(total);
    // A line with a loss is printed when the step is done, and many count from 0.
    const bool done = Contains(line, "loss") || Contains(line, "Loss") || Contains(line, "dt:") ||
                      Contains(line, "core:") || Contains(line, "Score");
    progress.finished = progress.step + (done ? 1 : 0);
    if (Contains(line, "alidation") || Contains(line, "CORE") || Contains(line, "val_") ||
        Contains(line, "eval_")) {
      progress.finished = progress.step;
    }
    return progress;
  }
  if (Contains(line, "{'") && RE2::PartialMatch(line, kTrainerDict)) {
    // Hugging Face's Trainer prints one such line every `logging_steps` steps.
    progress.step = progress.finished = 1;
    return progress;
  }
  if (has_epoch && progress.epoch && *progress.epoch > 1) {
    progress.step = progress.finished = *progress.epoch;
    return progress;
  }
  return std::nullopt;
}

}  // namespace vramcast::crashlog
