// Checkpoints that nanochat left behind: what can be saved of a run that died.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::nanochat {

struct Checkpoint {
  std::filesystem::path folder;  // …/base_checkpoints/d20
  std::string model_tag;         // "d20"
  Stage stage = Stage::kBase;
  int64_t step = 0;
  bool has_model = false, has_meta = false;  // there, and not cut short
  int64_t optimizer_shards = 0;              // optim_STEP_rankR.pt, ranks 0 and up without a gap
  bool master_optimizer = false;  // optim_STEP.pt alone, as until November 2025: rank 0's shard
  // Everything that this step wrote is there: for base training all shards that any step of the
  // folder has; then optimizer_shards is the world size of the run.
  bool complete = false;
  // From the meta file, where it tells.
  std::optional<int64_t> depth, max_seq_len, device_batch_size, total_batch_size, vocab_size;
  std::map<std::string, std::string> user_config;  // flags of the run, values as text
};

// NANOCHAT_BASE_DIR, else ~/.cache/nanochat (common.py, get_base_dir); empty without a home.
std::filesystem::path BaseDirectory();

// Every step that has a model file below `base`, by stage, tag and descending step. Files whose
// contents make no sense are counted in `skipped`.
std::vector<Checkpoint> FindCheckpoints(const std::filesystem::path& base, int* skipped = nullptr);

// The newest complete step of one stage and tag; nothing if there is none.
std::optional<Checkpoint> NewestComplete(const std::vector<Checkpoint>& all, Stage stage,
                                         const std::string& model_tag);

// Why base training at this revision cannot resume from the checkpoint on `world_size` ranks, as
// one sentence; nothing if it can.
std::optional<std::string> WhyNotResume(const Checkpoint& checkpoint, const Revision& revision,
                                        int64_t world_size);

}  // namespace vramcast::nanochat
