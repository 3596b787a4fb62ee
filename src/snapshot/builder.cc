#include "snapshot/builder.h"

#include <bit>

#include "base/text.h"

namespace vramcast::snapshot {
namespace {

constexpr uint32_t Id(Known word) { return static_cast<uint32_t>(word); }

}  // namespace

Builder::Builder() {
  for (const std::string_view word : kKnownWords) strings.Intern(word);
}

Value Builder::Integer(int64_t value) {
  if (Value::FitsInt(value)) return {Tag::kInt, static_cast<uint64_t>(value)};
  if (value < 0) return {Tag::kOpaque, 0};
  return Unsigned(static_cast<uint64_t>(value));
}

Value Builder::Unsigned(uint64_t value) {
  if (value < (uint64_t{1} << 55)) return {Tag::kInt, value};
  big_.push_back(value);
  memory_ += sizeof(value);
  return {Tag::kBig, big_.size() - 1};
}

Value Builder::Float(double value) {
  floats_.push_back(value);
  memory_ += sizeof(value);
  return {Tag::kFloat, floats_.size() - 1};
}

Value Builder::Tuple(std::span<const Value> items) {
  if (items.size() != 2 || items[0].tag() != Tag::kInt || items[1].tag() != Tag::kInt) {
    return {Tag::kOpaque, 0};
  }
  const std::pair<int64_t, int64_t> pair = {items[0].integer(), items[1].integer()};
  for (size_t i = 0; i < pools_.size(); ++i) {
    if (pools_[i] == pair) return {Tag::kPair, i};
  }
  // More private pools than this no program has; further ones are not told apart.
  if (pools_.size() < 4096) pools_.push_back(pair);
  return {Tag::kPair, pools_.size() - 1};
}

bool Builder::ToUnsigned(Value value, uint64_t* out) const {
  if (value.tag() == Tag::kInt && value.integer() >= 0) {
    *out = value.payload();
    return true;
  }
  if (value.tag() == Tag::kBig) {
    *out = big_[value.index()];
    return true;
  }
  return false;
}

bool Builder::ToSigned(Value value, int64_t* out) const {
  uint64_t wide = 0;
  if (value.tag() == Tag::kInt) {
    *out = value.integer();
    return true;
  }
  if (!ToUnsigned(value, &wide) || wide > INT64_MAX) return false;
  *out = static_cast<int64_t>(wide);
  return true;
}

StreamId Builder::StreamOf(uint64_t raw) {
  if (raw == 0) return 0;
  for (size_t i = streams_.size(); i-- > 0;) {
    if (streams_[i] == raw) return static_cast<StreamId>(i);
  }
  // Programs have a handful of streams; beyond this they are not told apart.
  if (streams_.size() < 1024) streams_.push_back(raw);
  return static_cast<StreamId>(streams_.size() - 1);
}

FrameId Builder::Distinct(const Frame& frame) {
  const uint64_t key[] = {frame.file.value, frame.function.value, frame.line};
  return distinct_frames_.Intern(key);
}

// What a dictionary with these keys describes; a new row of that kind.
Value Builder::Classify(std::span<const Value> items) {
  const auto row = [&](Tag tag, auto& rows) {
    memory_ += sizeof(rows[0]);
    rows.emplace_back();
    return Value(tag, rows.size() - 1);
  };
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].tag() != Tag::kString) continue;
    switch (static_cast<Known>(items[i].index())) {
      case Known::kAction:
        return AddEvent({});
      case Known::kFilename:
        return row(Tag::kFrame, frames);
      case Known::kState:
      case Known::kRealSize:
        return row(Tag::kBlock, blocks_);
      case Known::kTotalSize:
      case Known::kSegmentType:
      case Known::kBlocks:
        return row(Tag::kSegment, segments_);
      case Known::kStage:
        return row(Tag::kAnnotation, annotations_);
      case Known::kSegments:
      case Known::kDeviceTraces:
        return {Tag::kTop, 0};
      case Known::kConf:
      case Known::kMaxSplitSize:
      case Known::kGcThreshold:
        return {Tag::kSettings, 0};
      default:
        if (strings[StringId{items[i].index()}] == "32768") return {Tag::kDivisions, 0};
    }
  }
  return {Tag::kEmptyDict, 0};
}

Value Builder::Update(Value dict, std::span<const Value> items) {
  if (dict.tag() == Tag::kEmptyDict || dict.tag() == Tag::kOtherDict) {
    const Value kind = Classify(items);
    if (kind.tag() == Tag::kEmptyDict) {
      // Not known yet: keep the pairs until a later batch tells.
      Value other = dict;
      if (dict.tag() == Tag::kEmptyDict) {
        others_.emplace_back();
        other = {Tag::kOtherDict, others_.size() - 1};
        memory_ += sizeof(others_[0]);
      }
      auto& kept = others_[other.index()];
      kept.insert(kept.end(), items.begin(), items.end());
      memory_ += items.size_bytes();
      return other;
    }
    if (dict.tag() == Tag::kOtherDict) {
      const std::vector<Value> kept = std::move(others_[dict.index()]);
      for (size_t i = 0; i + 1 < kept.size(); i += 2) Set(kind, kept[i], kept[i + 1]);
    }
    dict = kind;
  }
  if (dict.tag() == Tag::kEvent) {
    RawEvent event = events_[dict.index()];
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i].tag() == Tag::kString)
        SetEvent(event, dict.index(), items[i].index(), items[i + 1]);
    }
    events_.Set(dict.index(), event);
    return dict;
  }
  for (size_t i = 0; i + 1 < items.size(); i += 2) Set(dict, items[i], items[i + 1]);
  return dict;
}

void Builder::Set(Value dict, Value key, Value value) {
  if (key.tag() != Tag::kString) {
    ++odd_;
    return;
  }
  const uint32_t word = key.index();
  switch (dict.tag()) {
    case Tag::kEvent: {
      RawEvent event = events_[dict.index()];
      SetEvent(event, dict.index(), word, value);
      return events_.Set(dict.index(), event);
    }
    case Tag::kBlock:
      return SetBlock(blocks_[dict.index()], word, value);
    case Tag::kSegment:
      return SetSegment(segments_[dict.index()], word, value);
    case Tag::kAnnotation:
      return SetAnnotation(annotations_[dict.index()], word, value);
    case Tag::kSettings:
      return SetSettings(word, value);
    case Tag::kDivisions:
      return SetDivision(word, value);
    case Tag::kTop:
      return SetTop(word, value);
    case Tag::kFrame: {
      Frame& frame = frames[dict.index()];
      if (word == Id(Known::kFilename) && value.tag() == Tag::kString) {
        frame.file = {value.index()};
      } else if (word == Id(Known::kName) && value.tag() == Tag::kString) {
        frame.function = {value.index()};
      } else if (word == Id(Known::kLine)) {
        ToUnsigned(value, &frame.line);
      } else if (word < Id(Known::kFxNodeOp) || word > Id(Known::kFxNodeInfo)) {
        Unknown(word);
      }
      return;
    }
    default:
      ++odd_;
  }
}

void Builder::AddExtra(Extra& extra, uint32_t row, uint32_t value) {
  memory_ += sizeof(extra[0]);
  auto at = extra.end();
  while (at != extra.begin() && (at - 1)->first > row) --at;
  if (at != extra.begin() && (at - 1)->first == row) {
    (at - 1)->second = value;
  } else {
    extra.insert(at, {row, value});
  }
}

void Builder::SetEvent(RawEvent& event, uint32_t row, uint32_t key, Value value) {
  const auto check = [&](bool ok, uint8_t bit) {
    event.seen = static_cast<uint8_t>(event.seen | (ok ? bit : uint8_t{kSeenOdd}));
  };
  switch (static_cast<Known>(key)) {
    case Known::kAction: {
      const uint32_t action = value.tag() == Tag::kString ? value.index() : kNothing;
      const bool known = action >= Id(Known::kAlloc) && action <= Id(Known::kAnnotate);
      event.action = known ? static_cast<uint8_t>(action - Id(Known::kAlloc)) : RawEvent::kNoAction;
      return;
    }
    case Known::kAddr:
    case Known::kDeviceFree:
      return check(ToUnsigned(value, &event.address), kSeenAddress);
    case Known::kSize:
      return check(ToSigned(value, &event.size) && event.size >= 0, kSeenSize);
    case Known::kTimeUs:
      return check(ToSigned(value, &event.time_us), kSeenTime);
    case Known::kStream: {
      uint64_t raw = 0;
      check(ToUnsigned(value, &raw), 0);
      event.stream = StreamOf(raw);
      return;
    }
    case Known::kFrames:
      if (value.tag() == Tag::kStack) event.stack = value.index();
      return;
    case Known::kPoolId:
      seen_pool_ = true;
      if (value.tag() == Tag::kPair && value.index() != 0) {
        AddExtra(event_pools_, row, value.index());
      }
      return;
    case Known::kUserMetadata:
      seen_metadata_ = true;
      if (value.tag() == Tag::kString && !strings[StringId{value.index()}].empty()) {
        AddExtra(event_metadata_, row, value.index());
      }
      return;
    case Known::kCompileContext:
      seen_compile_context_ = true;
      return;
    case Known::kCategory:
    case Known::kForwardFrames:
    case Known::kInternalMetadata:
      return;
    default:
      Unknown(key);
  }
}

void Builder::SetBlock(RawBlock& block, uint32_t key, Value value) {
  switch (static_cast<Known>(key)) {
    case Known::kAddress:
      block.has_address = ToUnsigned(value, &block.address);
      return;
    case Known::kSize:
      if (!ToSigned(value, &block.size)) block.size = -1;
      return;
    case Known::kRequestedSize:
    case Known::kRealSize:
      ToSigned(value, &block.requested);
      return;
    case Known::kState:
      if (value.tag() == Tag::kString) block.state = value.index();
      return;
    case Known::kFrames:
      if (value.tag() == Tag::kStack) block.stack = value.index();
      return;
    case Known::kHistory:
      seen_history_ = true;
      if (value.tag() == Tag::kList) block.history = value.index();
      return;
    case Known::kAddr:
    case Known::kCppFrames:
    case Known::kForwardFrames:
      return;
    default:
      Unknown(key);
  }
}

void Builder::SetSegment(RawSegment& segment, uint32_t key, Value value) {
  switch (static_cast<Known>(key)) {
    case Known::kAddress:
      ToUnsigned(value, &segment.address);
      return;
    case Known::kTotalSize:
      if (!ToSigned(value, &segment.size)) segment.size = -1;
      return;
    case Known::kDevice:
      ToSigned(value, &segment.device);
      return;
    case Known::kStream:
      ToUnsigned(value, &segment.stream);
      return;
    case Known::kSegmentType:
      if (value.tag() == Tag::kString) segment.type = value.index();
      return;
    case Known::kSegmentPoolId:
      if (value.tag() == Tag::kPair) segment.pool = static_cast<uint16_t>(value.index());
      return;
    case Known::kIsExpandable:
      seen_expandable_ = true;
      segment.is_expandable = value.tag() == Tag::kBool && value.payload() != 0;
      return;
    case Known::kBlocks:
      if (value.tag() == Tag::kList) segment.blocks = value.index();
      return;
    case Known::kFrames:
      if (value.tag() == Tag::kStack) segment.stack = value.index();
      return;
    case Known::kAllocatedSize:
    case Known::kActiveSize:
    case Known::kRequestedSize:
      return;  // sums over the blocks
    default:
      Unknown(key);
  }
}

void Builder::SetAnnotation(RawAnnotation& annotation, uint32_t key, Value value) {
  switch (static_cast<Known>(key)) {
    case Known::kDevice:
      ToSigned(value, &annotation.device);
      return;
    case Known::kTimeUs:
      ToSigned(value, &annotation.time_us);
      return;
    case Known::kName:
      if (value.tag() == Tag::kString) annotation.name = value.index();
      return;
    case Known::kStage:
      annotation.is_end = value == Value(Tag::kString, Id(Known::kEnd));
      return;
    default:
      Unknown(key);
  }
}

void Builder::SetSettings(uint32_t key, Value value) {
  has_settings_ = true;
  int64_t number = 0;
  switch (static_cast<Known>(key)) {
    case Known::kConf:
      if (value.tag() == Tag::kString) settings_.conf = strings[StringId{value.index()}];
      return;
    case Known::kMaxSplitSize:
      if (ToSigned(value, &number) && number > 0) settings_.max_split_size = Bytes(number);
      return;
    case Known::kGcThreshold:
      if (value.tag() == Tag::kFloat) {
        settings_.garbage_collection_threshold = floats_[value.index()];
      } else if (ToSigned(value, &number)) {
        settings_.garbage_collection_threshold = static_cast<double>(number);
      }
      return;
    case Known::kExpandableSegments:
      if (value.tag() == Tag::kBool) settings_.expandable_segments = value.payload() != 0;
      return;
    case Known::kRoundupDivisions:
      if (value.tag() == Tag::kDivisions) settings_.roundup_power2_divisions = divisions_;
      return;
    case Known::kStreamReuse:
      seen_reuse_ = true;
      return;
    case Known::kPinnedThreads:
    case Known::kReleaseLock:
    case Known::kPinnedRegister:
    case Known::kPinnedMaxRound:
    case Known::kPinnedMaxCached:
    case Known::kMaxCached:
    case Known::kMaxRound:
      return;
    default:
      Unknown(key);
  }
}

// "1" to "32768" (MiB) to divisions.
void Builder::SetDivision(uint32_t key, Value value) {
  const auto mib = ParseInt(strings[StringId{key}]);
  int64_t divisions = 0;
  if (!mib || *mib < 1 || *mib > 32768 || !std::has_single_bit(static_cast<uint64_t>(*mib)) ||
      !ToSigned(value, &divisions) || divisions < 0 || divisions > UINT32_MAX) {
    ++odd_;
    return;
  }
  divisions_[static_cast<size_t>(std::countr_zero(static_cast<uint64_t>(*mib)))] =
      static_cast<uint32_t>(divisions);
}

void Builder::SetTop(uint32_t key, Value value) {
  top_.any = true;
  switch (static_cast<Known>(key)) {
    case Known::kSegments:
      top_.segments = value;
      return;
    case Known::kDeviceTraces:
      top_.traces = value;
      return;
    case Known::kAllocatorSettings:
      top_.settings = value;
      return;
    case Known::kExternalAnnotations:
      top_.annotations = value;
      return;
    case Known::kTraceOverflowed:
    case Known::kTraceMaxEntries:
    case Known::kCategories:
    case Known::kHostSegments:  // pinned host memory, 2.15
    case Known::kHostTraces:
      return;
    default:
      Unknown(key);
  }
}

Value Builder::Extend(Value list, std::span<const Value> items) {
  if (items.empty()) return list;
  const bool frames_list = list.tag() == Tag::kStack ||
                           (list.tag() == Tag::kEmptyList && items.front().tag() == Tag::kFrame);
  if (frames_list) {
    scratch_.clear();
    if (list.tag() == Tag::kStack) {
      const auto before = stacks[StackId{list.index()}];
      scratch_.assign(before.begin(), before.end());
    }
    for (const Value item : items) {
      if (item.tag() == Tag::kFrame) {
        scratch_.push_back(Distinct(frames[item.index()]));
      } else {
        ++odd_;
      }
    }
    const uint32_t known = stacks.size();
    const StackId id = stacks.Intern(scratch_);
    if (stacks.size() > known) memory_ += scratch_.size() * sizeof(FrameId) + 16;
    return {Tag::kStack, id.value};
  }
  if (list.tag() == Tag::kEmptyList) {
    // A list of lists is the list of traces, even where the first ones are empty.
    const Tag first = items.front().tag();
    const Tag element = first == Tag::kEmptyList ? Tag::kList : first;
    if (element != Tag::kList && (element < Tag::kFrame || element > Tag::kTop)) {
      return {Tag::kOpaque, 0};
    }
    lists_.emplace_back();
    lists_.back().element = static_cast<uint8_t>(element);
    memory_ += sizeof(RawList);
    list = {Tag::kList, lists_.size() - 1};
  }
  if (list.tag() != Tag::kList) return list;
  RawList& rows = lists_[list.index()];
  const auto element = static_cast<Tag>(rows.element);
  const size_t runs = rows.runs.size();
  for (const Value item : items) {
    if (item.tag() == element) {
      rows.Add(item.index());
    } else if (element == Tag::kList && item.tag() == Tag::kEmptyList) {
      rows.Add(kNothing);
    } else {
      ++odd_;
    }
  }
  memory_ += (rows.runs.size() - runs) * sizeof(RawList::Run);
  return list;
}

}  // namespace vramcast::snapshot
