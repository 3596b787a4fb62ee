// Checkpoints that nanochat left behind: what can be saved of a run that died.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nanochat/config.h"

namespace vramcast::nanochat {

struct Checkpoint {
  std::filesystem::path folder;  // …/base_checkpoints/d20
  std::string model_tag;         // "d20"
  Stage stage = Stage::kBase;
  int64_t step = 0;
  bool complete = false;         // model, meta, and the optimizer state of every rank are there
  int64_t optimizer_shards = 0;  // optim_*_rankR.pt present; the run's world size if complete
  std::optional<int64_t> depth, max_seq_len, device_batch_size, total_batch_size, vocab_size;
  std::map<std::string, std::string> user_config;  // as the meta file tells it, values as text
};

// NANOCHAT_BASE_DIR, else ~/.cache/nanochat (common.py, get_base_dir).
std::filesystem::path BaseDirectory();

// Every step that has a model file below `base`, newest step first within a folder. Files that
// cannot be read are counted in `skipped`.
std::vector<Checkpoint> FindCheckpoints(const std::filesystem::path& base, int* skipped = nullptr);

// The newest complete step of one stage and tag; nothing if there is none.
std::optional<Checkpoint> NewestComplete(const std::vector<Checkpoint>& all, Stage stage,
                                         const std::string& model_tag);

}  // namespace vramcast::nanochat
