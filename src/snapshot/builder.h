// Turns the dictionaries and lists of a snapshot into rows as they are read. What a dictionary is,
// its keys say; the order in which things come does not matter.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "snapshot/event_rows.h"
#include "snapshot/raw.h"
#include "snapshot/value.h"

namespace vramcast::snapshot {

class Builder {
 public:
  Builder();

  Value Integer(int64_t value);
  Value Unsigned(uint64_t value);
  Value Float(double value);
  Value String(std::string_view text) {
    const uint32_t known = strings.size();
    const StringId id = strings.Intern(text);
    if (id.value >= known) memory_ += text.size() + 24;
    return {Tag::kString, id.value};
  }
  Value Tuple(std::span<const Value> items);

  // Adds key, value, key, value, … to a dictionary (kEmptyDict or what this returned before) and
  // returns what it is now.
  Value Update(Value dict, std::span<const Value> items);
  // Adds to a list (kEmptyList or what this returned before).
  Value Extend(Value list, std::span<const Value> items);

  // An event whose fields a reader has set itself; sets one field of it (a key is a string).
  Value AddEvent(const RawEvent& event) {
    memory_ += EventRows::kRowBytes;
    return {Tag::kEvent, events_.Add(event)};
  }
  RawEvent event(uint32_t row) const { return events_[row]; }
  // How far the reader is in how many bytes, if that is known.
  void SetProgress(uint64_t offset, std::optional<uint64_t> total) {
    events_.SetProgress(offset, total);
  }
  void SetEvent(RawEvent& event, uint32_t row, uint32_t key, Value value);
  uint32_t next_event() const { return events_.size(); }  // the row of the next one

  // Bytes held by the rows, roughly: readers stop when hostile input makes it grow too much.
  uint64_t memory() const { return memory_; }

  // Everything that was read. Unreadable error, without an offset, if `root` is not a snapshot.
  Result<Recording> Assemble(Value root);

  StringTable strings;
  std::vector<Frame> frames;               // as written; many may say the same
  SequenceTable<StackId, FrameId> stacks;  // of distinct frames

 private:
  friend class Assembler;
  struct Top {
    Value segments, traces, settings, annotations;
    bool any = false;
  };

  Value Classify(std::span<const Value> items);
  void Set(Value dict, Value key, Value value);
  void SetBlock(RawBlock& block, uint32_t key, Value value);
  void SetSegment(RawSegment& segment, uint32_t key, Value value);
  void SetAnnotation(RawAnnotation& annotation, uint32_t key, Value value);
  void SetSettings(uint32_t key, Value value);
  void SetDivision(uint32_t key, Value value);
  void SetTop(uint32_t key, Value value);
  void Unknown(uint32_t key) { ++unknown_keys_[key]; }

  bool ToUnsigned(Value value, uint64_t* out) const;
  bool ToSigned(Value value, int64_t* out) const;
  StreamId StreamOf(uint64_t raw);
  FrameId Distinct(const Frame& frame);

  std::vector<uint64_t> big_;
  std::vector<double> floats_;
  std::vector<std::pair<int64_t, int64_t>> pools_ = {{0, 0}};
  EventRows events_;
  // What few events have: row and user_metadata (a string), row and private pool. By row.
  using Extra = std::vector<std::pair<uint32_t, uint32_t>>;
  Extra event_metadata_, event_pools_;
  void AddExtra(Extra& extra, uint32_t row, uint32_t value);
  std::vector<RawBlock> blocks_;
  std::vector<RawSegment> segments_;
  std::vector<RawAnnotation> annotations_;
  std::vector<RawList> lists_;
  std::vector<std::vector<Value>> others_;
  std::vector<uint64_t> streams_ = {0};
  std::vector<FrameId> scratch_;
  SequenceTable<FrameId, uint64_t> distinct_frames_;  // file, function, line
  RecordedSettings settings_;
  std::array<uint32_t, 16> divisions_ = {};
  bool has_settings_ = false;
  Top top_;
  std::map<uint32_t, uint64_t> unknown_keys_;
  uint64_t odd_ = 0;  // values of a wrong type, counted where no row can say it
  uint64_t memory_ = 0;
  // Which keys were seen on events at all: they tell the version.
  bool seen_compile_context_ = false, seen_metadata_ = false, seen_pool_ = false;
  bool seen_reuse_ = false, seen_history_ = false, seen_expandable_ = false;
};

}  // namespace vramcast::snapshot
