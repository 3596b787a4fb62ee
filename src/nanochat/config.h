// What a run of nanochat is, as its flags say it: every value optional until resolved against a
// revision, then complete, each with where it came from.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace vramcast::nanochat {

enum class Stage : uint8_t { kBase, kMid, kSft, kRl, kBaseEval, kChatEval };
enum class Dtype : uint8_t { kBf16, kFp16, kFp32 };
enum class Attention : uint8_t { kFa3, kSdpa };
enum class Launcher : uint8_t { kPython, kTorchrun };

// Flags as given (by the person, a launch command or a checkout). Empty: not given.
// Units: tokens for lengths, sequences for device batch sizes, tokens for the total batch size.
// examples_per_step is SFT's target_examples_per_step as well; eval_tokens is base_eval's
// split_tokens, device_batch_size is chat_eval's batch_size, core_metric_max_per_task is
// base_eval's max_per_task.
struct Flags {
  std::optional<int64_t> depth, aspect_ratio, head_dim, max_seq_len, device_batch_size,
      total_batch_size, eval_every, eval_tokens, core_metric_every, sample_every, save_every,
      resume_from_step, num_iterations, num_samples, max_new_tokens, vocab_size, world_size,
      examples_per_step, eval_steps, core_metric_max_per_task, chatcore_every, load_optimizer;
  std::optional<double> target_param_data_ratio, target_flops, grad_clip;
  std::optional<std::string> window_pattern, fp8_recipe;
  std::optional<bool> fp8;
  std::optional<Stage> stage;
  std::optional<Dtype> dtype;          // COMPUTE_DTYPE / --dtype; empty = auto
  std::optional<Attention> attention;  // empty = what the card and the revision choose
  std::optional<Launcher> launcher;
  std::optional<std::string> revision;
  std::map<std::string, std::string> others;  // flags that do not change memory, kept by name
};

}  // namespace vramcast::nanochat
