// The one shape that nearly all of a large snapshot consists of: a dictionary of an event, written
// by CPython's pickler. It is read in one go, without the stack. Whatever looks different is left
// to the general reader, from the dictionary's first byte on.
#include "snapshot/opcodes.h"
#include "snapshot/pickle.h"

namespace vramcast::snapshot {
namespace {

// No step below reads further than this from where it checked.
constexpr ptrdiff_t kMargin = 64;

}  // namespace

// The stack that the memo reads at `*at` made before; moves `*at` behind the APPENDS that ends
// them.
bool PickleReader::KnownStack(const uint8_t** at, uint32_t* stack) {
  const uint8_t* const p = *at;
  const uint8_t* const end = window_.end;
  RunId id;
  size_t size = 0;
  if (follow_ != kNothing && recent_runs_[follow_ % kRecent].valid()) {
    const RunId guess = recent_runs_[follow_ % kRecent];
    const auto bytes = runs_[guess];
    size = bytes.size();
    if (end - p >= static_cast<ptrdiff_t>(size) + kMargin && p[size] == kAppends &&
        std::memcmp(p, bytes.data(), size) == 0) {
      id = guess;
      ++follow_;
    }
  }
  if (!id.valid()) {
    const uint8_t* q = p;
    while (end - q >= kMargin) {
      if (*q == kBinGet) {
        q += 2;
      } else if (*q == kLongBinGet) {
        q += 5;
      } else {
        break;
      }
    }
    if (*q != kAppends) return false;
    size = static_cast<size_t>(q - p);
    id = runs_.Find({p, size});
    if (!id.valid()) return false;
    const uint32_t before = run_facts_[id.value].last_at;
    follow_ = before == kNothing ? kNothing : before + 1;
  }
  run_facts_[id.value].last_at = runs_seen_;
  recent_runs_[runs_seen_ % kRecent] = id;
  runs_seen_ = (runs_seen_ + 1) & INT32_MAX;
  *stack = run_facts_[id.value].stack;
  *at = p + size + 1;
  return *stack != kNothing;
}

bool PickleReader::FastEvent() {
  const uint8_t* p = window_.at;
  const uint8_t* const end = window_.end;
  if (end - p < kMargin || p[0] != kMemoize || p[1] != kMark || memo_rewritten_) return false;
  if (memo_.size() >= UINT32_MAX / 2) return false;
  p += 2;
  const uint64_t memo_size = memo_.size();
  const uint32_t row = builder_.next_event();
  RawEvent event;
  bool has_action = false;
  bool has_list = false;
  Value list;
  for (;;) {
    if (end - p < kMargin) return false;
    if (*p == kFrameOp) p += kFrameBytes;
    uint64_t slot = 0;
    if (*p == kBinGet) {
      slot = p[1];
      p += 2;
    } else if (*p == kLongBinGet) {
      slot = Little(p + 1, 4);
      p += 5;
    } else if (*p == kSetItems) {
      ++p;
      break;
    } else {
      return false;
    }
    if (slot >= memo_size) return false;
    const Value key = Remembered(slot);
    if (key.tag() != Tag::kString) return false;
    if (*p == kFrameOp) p += kFrameBytes;

    uint64_t number = 0;
    Value value;
    switch (*p) {
      case kLong1: {
        const size_t size = p[1];
        if (size == 0 || size > 7 || (p[1 + size] & 0x80)) return false;
        uint64_t wide;
        std::memcpy(&wide, p + 2, 8);
        number = wide & (~uint64_t{0} >> (64 - 8 * size));
        if (number >= uint64_t{1} << 55) return false;
        p += 2 + size;
        value = {Tag::kInt, number};
        break;
      }
      case kBinInt1:
        number = p[1];
        p += 2;
        value = {Tag::kInt, number};
        break;
      case kBinInt2:
        number = Little(p + 1, 2);
        p += 3;
        value = {Tag::kInt, number};
        break;
      case kBinInt:
        number = Little(p + 1, 4);
        if (number >> 31) return false;
        p += 5;
        value = {Tag::kInt, number};
        break;
      case kBinGet:
        if (p[1] >= memo_size) return false;
        value = Remembered(p[1]);
        p += 2;
        break;
      case kLongBinGet:
        slot = Little(p + 1, 4);
        if (slot >= memo_size) return false;
        value = Remembered(slot);
        p += 5;
        break;
      case kEmptyList: {
        if (has_list || p[1] != kMemoize) return false;
        has_list = true;
        p += 2;
        if (*p != kMark) {
          // An empty list; a list of one element ends in APPEND and is left to the general reader.
          const uint8_t after = *p == kBinGet ? p[2] : *p == kLongBinGet ? p[5] : uint8_t{0};
          if (after == kAppend) return false;
          list = {Tag::kEmptyList, memo_size + 1};
          break;
        }
        ++p;
        uint32_t stack = kNothing;
        if (!KnownStack(&p, &stack)) return false;
        list = {Tag::kStack, stack};
        value = list;
        break;
      }
      default:
        return false;
    }
    switch (static_cast<Known>(key.index())) {
      case Known::kAddr:
        if (value.tag() != Tag::kInt) return false;
        event.address = value.payload();
        event.seen |= kSeenAddress;
        break;
      case Known::kSize:
        if (value.tag() != Tag::kInt || value.integer() < 0) return false;
        event.size = value.integer();
        event.seen |= kSeenSize;
        break;
      case Known::kTimeUs:
        if (value.tag() != Tag::kInt) return false;
        event.time_us = value.integer();
        event.seen |= kSeenTime;
        break;
      case Known::kFrames:
        if (value.tag() == Tag::kStack) event.stack = value.index();
        break;
      case Known::kAction:
        has_action = true;
        [[fallthrough]];
      default:
        if (key.index() > static_cast<uint32_t>(Known::kInternalMetadata)) return false;
        // What is set twice, if this turns out not to be an event, is set to the same.
        builder_.SetEvent(event, row, key.index(), value);
    }
  }
  if (!has_action) return false;
  const Value done = builder_.AddEvent(event);
  const bool is_frames =
      list.tag() == Tag::kStack ? list.index() == event.stack : event.stack == kNothing;
  if (has_list && !is_frames) {
    memo_.Add(done);
    memo_.Add(list);
  } else {
    memo_.AddEvent(done.index(), has_list);
  }
  Push(done);
  window_.at = p;
  return true;
}

}  // namespace vramcast::snapshot
