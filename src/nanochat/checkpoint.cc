#include "nanochat/checkpoint.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <tuple>

#include "base/text.h"

namespace vramcast::nanochat {
namespace {

namespace fs = std::filesystem;

struct StageFolder {
  Stage stage;
  const char* name;
};
constexpr StageFolder kFolders[] = {
    {Stage::kBase, "base_checkpoints"},
    {Stage::kMid, "mid_checkpoints"},
    {Stage::kSft, "chatsft_checkpoints"},
    {Stage::kRl, "chatrl_checkpoints"},
};

constexpr uintmax_t kMostMetaBytes = uintmax_t{1} << 20;

// "000100" of "model_000100.pt"; nothing if the name is not of that form.
std::optional<std::string_view> Between(std::string_view name, std::string_view before,
                                        std::string_view after) {
  if (name.size() <= before.size() + after.size() || !name.starts_with(before) ||
      !name.ends_with(after)) {
    return std::nullopt;
  }
  return name.substr(before.size(), name.size() - before.size() - after.size());
}

std::optional<int64_t> Digits(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  return ParseInt(text);
}

// torch.save writes a zip archive, whose last record begins with PK\5\6 and is 22 bytes long
// without a comment; a file that was being written when its process died lacks it.
bool IsWholeArchive(const fs::path& path) {
  constexpr std::streamoff kRecord = 22;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file || file.tellg() < kRecord) return false;
  file.seekg(-kRecord, std::ios::end);
  char mark[4] = {};
  file.read(mark, sizeof mark);
  return file.good() && std::string_view(mark, sizeof mark) == std::string_view("PK\5\6", 4);
}

std::string TextOf(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::optional<int64_t> IntOf(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<int64_t>();
}

bool ReadMeta(const fs::path& path, Checkpoint& checkpoint) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error || size > kMostMetaBytes) return false;
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const nlohmann::json meta = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!meta.is_object()) return false;
  checkpoint.max_seq_len = IntOf(meta, "max_seq_len");
  checkpoint.device_batch_size = IntOf(meta, "device_batch_size");
  checkpoint.total_batch_size = IntOf(meta, "total_batch_size");
  if (const auto model = meta.find("model_config"); model != meta.end()) {
    checkpoint.depth = IntOf(*model, "n_layer");
    checkpoint.vocab_size = IntOf(*model, "vocab_size");
    if (!checkpoint.max_seq_len) checkpoint.max_seq_len = IntOf(*model, "sequence_len");
  }
  const auto config = meta.find("user_config");
  if (config != meta.end() && config->is_object()) {
    for (const auto& [key, value] : config->items()) checkpoint.user_config[key] = TextOf(value);
  }
  return true;
}

// One model tag's folder: all its steps, newest first.
std::vector<Checkpoint> ReadFolder(const fs::path& folder, Stage stage, int* skipped) {
  std::map<int64_t, Checkpoint> steps;
  std::map<int64_t, std::set<int64_t>> shards;
  std::set<int64_t> masters;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (const auto step_text = Between(name, "model_", ".pt")) {
      const auto step = Digits(*step_text);
      if (!step) continue;
      Checkpoint checkpoint;
      checkpoint.folder = folder;
      checkpoint.model_tag = folder.filename().string();
      checkpoint.stage = stage;
      checkpoint.step = *step;
      checkpoint.has_model = IsWholeArchive(entry->path());
      const fs::path meta = folder / ("meta_" + std::string(*step_text) + ".json");
      std::error_code missing;
      if (fs::exists(meta, missing)) checkpoint.has_meta = ReadMeta(meta, checkpoint);
      if (!checkpoint.has_model || (!checkpoint.has_meta && fs::exists(meta, missing))) {
        if (skipped != nullptr) ++*skipped;
      }
      steps[*step] = std::move(checkpoint);
    } else if (const auto optimizer = Between(name, "optim_", ".pt")) {
      const size_t mark = optimizer->find("_rank");
      const auto step = Digits(optimizer->substr(0, mark));
      if (!step || !IsWholeArchive(entry->path())) continue;
      if (mark == std::string_view::npos) {
        masters.insert(*step);
      } else if (const auto rank = Digits(optimizer->substr(mark + 5))) {
        shards[*step].insert(*rank);
      }
    }
  }

  // A run saves all steps with the same number of ranks: a step with fewer shards was cut short.
  int64_t most = 0;
  for (auto& [step, checkpoint] : steps) {
    while (shards[step].count(checkpoint.optimizer_shards) != 0) ++checkpoint.optimizer_shards;
    checkpoint.master_optimizer = masters.count(step) != 0;
    if (!shards[step].empty()) most = std::max(most, *shards[step].rbegin() + 1);
  }
  std::vector<Checkpoint> found;
  for (auto& [step, checkpoint] : steps) {
    const bool optimizer = stage != Stage::kBase || checkpoint.master_optimizer ||
                           (checkpoint.optimizer_shards > 0 && checkpoint.optimizer_shards == most);
    checkpoint.complete = checkpoint.has_model && checkpoint.has_meta && optimizer;
    found.push_back(std::move(checkpoint));
  }
  std::reverse(found.begin(), found.end());
  return found;
}

}  // namespace

fs::path BaseDirectory() {
  if (const char* base = std::getenv("NANOCHAT_BASE_DIR"); base != nullptr && *base != '\0') {
    return base;
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return fs::path(home) / ".cache" / "nanochat";
}

std::vector<Checkpoint> FindCheckpoints(const fs::path& base, int* skipped) {
  std::vector<Checkpoint> all;
  for (const auto& [stage, name] : kFolders) {
    std::vector<fs::path> tags;
    std::error_code error;
    for (fs::directory_iterator entry(base / name, error), end; !error && entry != end;
         entry.increment(error)) {
      std::error_code unknown;
      if (entry->is_directory(unknown)) tags.push_back(entry->path());
    }
    std::sort(tags.begin(), tags.end());
    for (const fs::path& tag : tags) {
      std::vector<Checkpoint> found = ReadFolder(tag, stage, skipped);
      std::move(found.begin(), found.end(), std::back_inserter(all));
    }
  }
  return all;
}

std::optional<Checkpoint> NewestComplete(const std::vector<Checkpoint>& all, Stage stage,
                                         const std::string& model_tag) {
  const Checkpoint* newest = nullptr;
  for (const Checkpoint& checkpoint : all) {
    if (checkpoint.stage != stage || checkpoint.model_tag != model_tag || !checkpoint.complete) {
      continue;
    }
    if (newest == nullptr || checkpoint.step > newest->step) newest = &checkpoint;
  }
  return newest == nullptr ? std::nullopt : std::optional(*newest);
}

std::optional<std::string> WhyNotResume(const Checkpoint& checkpoint, const Revision& revision,
                                        int64_t world_size) {
  if (checkpoint.stage != Stage::kBase) return "only base training can resume";
  if (!revision.family->can_resume) {
    return revision.ShortCommit() + " cannot resume; base training resumes from November 2025 on";
  }
  if (!checkpoint.has_model) return "the model file is incomplete";
  if (!checkpoint.has_meta) return "the meta file is missing or unreadable";
  if (checkpoint.optimizer_shards == 0) {
    return checkpoint.master_optimizer
               ? "only rank 0's optimizer state was saved, in a form that cannot be resumed"
               : "no optimizer state was saved";
  }
  if (!checkpoint.complete) return "some ranks' optimizer state is missing";
  if (checkpoint.optimizer_shards != world_size) {
    return "its optimizer state is split over " + std::to_string(checkpoint.optimizer_shards) +
           " ranks and fits no other number";
  }
  return std::nullopt;
}

}  // namespace vramcast::nanochat
