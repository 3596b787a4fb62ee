// Where a training run stands, from what it writes: a log (any program's progress lines), a Weights
// & Biases file (run-ID.wandb), or rows of history as JSON lines. Follows the file while it grows.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crashlog/report.h"
#include "monitor/log_tail.h"
#include "monitor/wandb_file.h"

namespace vramcast::monitor {

struct StepMark {
  int64_t step = 0;
  std::optional<int64_t> total;  // steps of the whole run
  std::optional<double> time;    // as the file says; a log does not
};

class StepSource {
 public:
  enum class Kind : uint8_t { kUnknown, kLog, kWandb, kJsonLines };

  explicit StepSource(std::string path) : path_(path), tail_(std::move(path)) {}

  // Reads what was appended since the last call. Unreadable error if the file cannot be read.
  Status Poll();

  Kind kind() const { return kind_; }
  const std::string& path() const { return path_; }
  // Where the run stands now.
  const std::optional<StepMark>& last() const { return last_; }
  // Where it stood at `time`; nothing if the file has no times or begins later.
  std::optional<StepMark> At(double time) const;
  bool has_times() const { return !timed_.empty(); }

  // What a log tells of itself in its first MiB and its last: commands, settings, the card.
  const crashlog::LogReport& facts() const { return facts_; }
  // What W&B keeps of the program's configuration: values as JSON, by name.
  const std::map<std::string, std::string>& config() const { return wandb_.config(); }
  // Grows whenever facts() or config() may say more than before.
  int64_t facts_version() const { return facts_version_; }
  // What was not read, one sentence each.
  std::vector<std::string> Notes() const;

 private:
  static constexpr size_t kMostTimed = 4096;

  void Take(const LogTail::Piece& piece);
  void TakeText(std::string_view bytes, bool gap);
  void TakeLines(std::string_view lines);
  bool TakeJson(std::string_view line);
  void Note(StepMark mark);
  void ReadFacts(std::string_view text);

  std::string path_;
  LogTail tail_;
  Kind kind_ = Kind::kUnknown;
  WandbFile wandb_;
  std::string line_;  // without its end yet
  std::string head_;  // the beginning, for facts
  size_t head_read_ = 0;
  bool head_over_ = false;
  crashlog::LogReport facts_;
  int64_t facts_version_ = 0;
  std::optional<StepMark> last_;
  std::deque<StepMark> timed_;
  int64_t json_rows_ = 0;
};

}  // namespace vramcast::monitor
