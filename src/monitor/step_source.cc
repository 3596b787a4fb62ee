#include "monitor/step_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "crashlog/passage.h"
#include "crashlog/progress_line.h"
#include "crashlog/scan.h"

namespace vramcast::monitor {
namespace {

using nlohmann::json;

// Longer lines hold data, not progress.
constexpr size_t kLongestLine = 64 << 10;
// A call reads no more than this, so that a file that is written faster does not keep it for ever.
constexpr int kMostPieces = 64;

std::optional<int64_t> Whole(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_number()) return std::nullopt;
  const auto value = at->get<double>();
  if (!std::isfinite(value) || value < 0 || value > 1e15) return std::nullopt;
  return static_cast<int64_t>(value);
}

}  // namespace

Status StepSource::Poll() {
  for (int i = 0; i < kMostPieces; ++i) {
    const auto piece = tail_.Next();
    if (!piece) return tl::make_unexpected(piece.error());
    if (piece->bytes.empty()) break;
    Take(*piece);
  }
  // Facts are read again when twice as much of the beginning is there, and once it is whole.
  const bool whole = head_over_ || head_.size() >= LogTail::kHead;
  if (kind_ == Kind::kLog && head_read_ < head_.size() &&
      (whole || head_.size() >= 2 * head_read_)) {
    head_read_ = head_.size();
    ReadFacts(head_);
  }
  return {};
}

void StepSource::Take(const LogTail::Piece& piece) {
  if (piece.restarted) {
    // Another run writes here now.
    kind_ = Kind::kUnknown;
    wandb_ = {};
    line_.clear();
    head_.clear();
    head_read_ = 0;
    head_over_ = false;
    last_.reset();
    timed_.clear();
  }
  if (kind_ == Kind::kUnknown) {
    kind_ = WandbFile::IsWandb(piece.bytes) ? Kind::kWandb : Kind::kLog;
  }
  if (kind_ == Kind::kWandb) {
    const size_t known = wandb_.config().size();
    wandb_.Feed(piece.bytes, piece.offset, [this](const WandbRow& row) {
      if (row.step) Note({.step = *row.step, .time = row.time});
    });
    if (wandb_.config().size() != known) ++facts_version_;
    return;
  }
  if (!head_over_ && !piece.gap) {
    head_.append(
        piece.bytes.substr(0, LogTail::kHead - std::min<size_t>(head_.size(), LogTail::kHead)));
  }
  if (piece.gap) head_over_ = true;
  TakeText(piece.bytes, piece.gap);
}

void StepSource::TakeText(std::string_view bytes, bool gap) {
  if (gap) {
    // The rest of a line is no line.
    line_.clear();
    const size_t end = bytes.find_first_of("\r\n");
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  }
  const size_t last = bytes.find_last_of("\r\n");
  if (last == std::string_view::npos) {
    if (line_.size() < kLongestLine) line_ += bytes;
    return;
  }
  const size_t first = bytes.find_first_of("\r\n");
  line_ += bytes.substr(0, first + 1);
  if (line_.size() <= kLongestLine) TakeLines(line_);
  TakeLines(bytes.substr(first + 1, last - first));
  line_ = bytes.substr(last + 1);
}

// Only the last mark matters unless the lines say when they were written.
void StepSource::TakeLines(std::string_view lines) {
  if (lines.empty()) return;
  std::string text(lines);
  std::erase(text, '\0');
  std::replace(text.begin(), text.end(), '\r', '\n');
  for (const std::string_view line : Split(text, '\n')) {
    if (line.starts_with('{') && TakeJson(line)) continue;
    // Few lines count steps: looking for a digit and a word first costs less than reading them.
    if (line.size() > kLongestLine || line.find_first_of("0123456789") == std::string_view::npos) {
      continue;
    }
    for (const crashlog::CleanLine& clean : crashlog::CleanLines(line)) {
      const auto progress = crashlog::ProgressOf(clean.text);
      if (!progress || progress->of != crashlog::Progress::Of::kTraining) continue;
      Note({.step = progress->step, .total = progress->total});
    }
  }
}

bool StepSource::TakeJson(std::string_view line) {
  if (!Contains(line, "step")) return false;
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) return false;
  std::optional<int64_t> step;
  for (const char* name : {"step", "train/global_step", "global_step", "_step"}) {
    if (!step) step = Whole(object, name);
  }
  if (!step) return false;
  StepMark mark{.step = *step};
  const auto time = object.find("_timestamp");
  if (time != object.end() && time->is_number()) mark.time = time->get<double>();
  ++json_rows_;
  if (json_rows_ == 1 && !last_) kind_ = Kind::kJsonLines;
  Note(mark);
  return true;
}

void StepSource::Note(StepMark mark) {
  if (!mark.total && last_ && last_->step <= mark.step) mark.total = last_->total;
  last_ = mark;
  if (!mark.time) return;
  if (!timed_.empty() && *mark.time < *timed_.back().time) return;
  timed_.push_back(mark);
  if (timed_.size() <= kMostTimed) return;
  // Thinned out evenly: what is old matters less than how far back it reaches.
  std::deque<StepMark> kept;
  for (size_t i = 0; i < timed_.size(); i += 2) kept.push_back(timed_[i]);
  timed_ = std::move(kept);
}

std::optional<StepMark> StepSource::At(double time) const {
  const auto after =
      std::upper_bound(timed_.begin(), timed_.end(), time,
                       [](double wanted, const StepMark& mark) { return wanted < *mark.time; });
  if (after == timed_.begin()) return std::nullopt;
  return *std::prev(after);
}

void StepSource::ReadFacts(std::string_view text) {
  facts_ = crashlog::ScanText(text);
  ++facts_version_;
}

std::vector<std::string> StepSource::Notes() const {
  std::vector<std::string> notes;
  if (tail_.passed_over() > 0) {
    notes.push_back(
        fmt::format("{} of {} were passed over: only its beginning and its end are read",
                    FormatBytes(Bytes(static_cast<int64_t>(tail_.passed_over()))), path_));
  }
  if (wandb_.damaged() > 0) {
    notes.push_back(
        fmt::format("{} damaged pieces of {} were passed over", wandb_.damaged(), path_));
  }
  if (!last_) notes.push_back(fmt::format("no step of training stands in {} yet", path_));
  return notes;
}

}  // namespace vramcast::monitor
