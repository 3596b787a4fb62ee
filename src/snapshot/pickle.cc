#include "snapshot/pickle.h"

#include <fmt/format.h>

#include <bit>

#include "base/text.h"
#include "snapshot/opcodes.h"

namespace vramcast::snapshot {
namespace {

constexpr uint64_t kMostMemo = 0xf0000000;  // entries are counted in 32 bits
constexpr uint64_t kNoSlot = (uint64_t{1} << 40) - 1;

bool IsContainer(Value value) {
  return value.tag() >= Tag::kEmptyList && value.tag() <= Tag::kList;
}

}  // namespace

bool PickleReader::Fail(std::string_view message) {
  if (!error_) {
    error_ = Error{ErrorKind::kUnreadable, std::string(message), window_.offset()};
  }
  return false;
}

bool PickleReader::Refill() {
  if (auto status = window_.Want(Window::kReserve); !status) {
    if (!error_) error_ = status.error();
    return false;
  }
  builder_.SetProgress(window_.offset(), window_.total());
  return CheckMemory();
}

bool PickleReader::CheckMemory() {
  if (stack_.size() > limits_.waiting) return Fail("too many values wait for their list");
  const uint64_t memory = builder_.memory() + 8 * stack_.size() + memo_.memory() + run_bytes_;
  if (memory <= limits_.memory) return true;
  return Fail(fmt::format("needs more than {} MiB of memory", limits_.memory >> 20));
}

Result<Value> PickleReader::Read() {
  if (!Refill()) return tl::make_unexpected(*error_);
  if (window_.left() == 0) return UnreadableError("empty", 0);
  if (*window_.at != kProto) return UnreadableError("not a pickle", 0);
  for (;;) {
    // Within the reserve every opcode's fixed part is visible; near the end each is checked.
    if (window_.left() < Window::kReserve && !window_.at_end() && !Refill()) break;
    if (!Step()) break;
  }
  if (error_) return tl::make_unexpected(*error_);
  if (stack_.size() != 1 || !marks_.empty()) {
    return UnreadableError("the pickle stops with unfinished values", window_.offset());
  }
  return stack_.back();
}

bool PickleReader::Number(size_t bytes, uint64_t* out) {
  if (window_.left() < bytes) return Fail("the file is cut off");
  *out = Little(window_.at, bytes);
  window_.at += bytes;
  return true;
}

bool PickleReader::Pop(Value* out) {
  const size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) return Fail("a value is missing");
  *out = stack_.back();
  stack_.pop_back();
  return true;
}

bool PickleReader::Items(size_t* begin) {
  if (marks_.empty()) return Fail("a mark is missing");
  *begin = marks_.back();
  marks_.pop_back();
  return true;
}

bool PickleReader::PushString(uint64_t size) {
  if (size > limits_.string) return Fail(fmt::format("a string claims {} bytes", size));
  if (window_.left() < size) {
    if (auto status = window_.Want(size); !status) {
      error_ = status.error();
      return false;
    }
    if (window_.left() < size) return Fail("the file is cut off inside a string");
  }
  const uint32_t known = builder_.strings.size();
  Push(builder_.String({reinterpret_cast<const char*>(window_.at), size}));
  window_.at += size;
  if (builder_.strings.size() > known) return CheckMemory();
  return true;
}

// Bytes mean nothing in a snapshot: they are stepped over.
bool PickleReader::PushBytes(uint64_t size) {
  while (size > 0) {
    if (window_.left() == 0 && !Refill()) return false;
    if (window_.left() == 0) return Fail("the file is cut off inside bytes");
    const size_t n = static_cast<size_t>(std::min<uint64_t>(size, window_.left()));
    window_.at += n;
    size -= n;
  }
  Push({Tag::kOpaque, 0});
  return true;
}

bool PickleReader::PushLong(uint64_t size) {
  if (size > 64) return Fail(fmt::format("a number claims {} bytes", size));
  if (window_.left() < size) return Fail("the file is cut off inside a number");
  const uint8_t* at = window_.at;
  window_.at += size;
  if (size == 0) {
    Push({Tag::kInt, 0});
    return true;
  }
  if (size <= 8) {
    uint64_t value = Little(at, size);
    if (size < 8 && (at[size - 1] & 0x80)) value |= ~uint64_t{0} << (8 * size);
    Push(builder_.Integer(static_cast<int64_t>(value)));
    return true;
  }
  // Nine bytes with a zero on top: unsigned 64 bits (a frame's unknown line is 2^64-1).
  bool fits = true;
  for (size_t i = 8; i < size; ++i) fits = fits && at[i] == 0;
  Push(fits ? builder_.Unsigned(Little(at, 8)) : Value(Tag::kOpaque, 0));
  return true;
}

// The text forms of protocol 0: "I42\n", "I01\n", "L42L\n".
bool PickleReader::PushLine(bool is_long) {
  const auto* newline = static_cast<const uint8_t*>(
      std::memchr(window_.at, '\n', std::min<size_t>(window_.left(), 128)));
  if (newline == nullptr) return Fail("a number lacks its end");
  std::string_view text(reinterpret_cast<const char*>(window_.at),
                        static_cast<size_t>(newline - window_.at));
  window_.at = newline + 1;
  if (is_long && text.ends_with('L')) text.remove_suffix(1);
  if (!is_long && (text == "00" || text == "01")) {
    Push({Tag::kBool, text == "01"});
    return true;
  }
  const auto value = ParseInt(text);
  if (!value) return Fail("a number cannot be read");
  Push(builder_.Integer(*value));
  return true;
}

Value PickleReader::RememberedEvent(uint64_t slot) const {
  const Memo::EventSlot of = memo_.EventAt(slot);
  if (!of.is_list) return {Tag::kEvent, of.row};
  const uint32_t stack = builder_.event(of.row).stack;
  return stack == kNothing ? Value(Tag::kEmptyList, slot) : Value(Tag::kStack, stack);
}

bool PickleReader::Get(uint64_t slot) {
  if (slot >= memo_.size()) return Fail(fmt::format("memo entry {} does not exist", slot));
  Push(Remembered(slot));
  return true;
}

bool PickleReader::Memoize() {
  if (stack_.empty()) return Fail("nothing to remember");
  if (memo_.size() >= kMostMemo) return Fail("too many values");
  Value& top = stack_.back();
  // An empty container carries its slot, so that the memo learns what it becomes.
  if (top.tag() == Tag::kEmptyList || top.tag() == Tag::kEmptyDict) {
    top = {top.tag(), memo_.size()};
  }
  memo_.Add(top);
  return true;
}

bool PickleReader::Put(uint64_t slot) {
  if (slot == memo_.size()) return Memoize();
  // Picklers number from zero up; a far number would only claim memory.
  if (slot > memo_.size() + 65536) return Fail(fmt::format("memo entry {} is out of reach", slot));
  if (stack_.empty()) return Fail("nothing to remember");
  if (slot < memo_.size()) {
    memo_rewritten_ = true;
  } else {
    while (memo_.size() <= slot) memo_.Add(Value(Tag::kOpaque, 0));
  }
  Value& top = stack_.back();
  if (top.tag() == Tag::kEmptyList || top.tag() == Tag::kEmptyDict) top = {top.tag(), slot};
  memo_.Set(slot, top);
  return true;
}

bool PickleReader::Replace(Value was, Value is) {
  if (was == is) return true;
  stack_.back() = is;
  if (was.tag() == Tag::kEmptyList || was.tag() == Tag::kEmptyDict) {
    const uint64_t slot = was.payload();
    if (slot < memo_.size() && Remembered(slot) == was) memo_.Set(slot, is);
    return true;
  }
  // A stack or an unclassified dictionary that grew: whoever remembers it must see that.
  for (uint64_t back = 1; back <= memo_.size() && back <= 8192; ++back) {
    const uint64_t slot = memo_.size() - back;
    if (!memo_.IsEvent(slot) && memo_[slot] == was && IsContainer(was)) {
      memo_.Set(slot, is);
      break;
    }
  }
  return true;
}

bool PickleReader::SetItems(size_t begin) {
  if (begin == 0 || stack_.size() < begin) return Fail("a dictionary is missing");
  const size_t count = stack_.size() - begin;
  if (count % 2 != 0) return Fail("a dictionary has a key without a value");
  const Value was = stack_[begin - 1];
  const bool is_dict = was.tag() >= Tag::kEmptyDict && was.tag() <= Tag::kTop;
  if (!is_dict && was.tag() != Tag::kOpaque) return Fail("items for what is not a dictionary");
  const Value is =
      is_dict ? builder_.Update(was, {stack_.data() + begin, count}) : Value(Tag::kOpaque, 0);
  stack_.resize(begin);
  return Replace(was, is);
}

bool PickleReader::AppendItems(size_t begin) {
  if (begin == 0 || stack_.size() < begin) return Fail("a list is missing");
  const Value was = stack_[begin - 1];
  const bool is_list =
      was.tag() == Tag::kEmptyList || was.tag() == Tag::kStack || was.tag() == Tag::kList;
  if (!is_list && was.tag() != Tag::kOpaque) return Fail("items for what is not a list");
  const Value is = is_list ? builder_.Extend(was, {stack_.data() + begin, stack_.size() - begin})
                           : Value(Tag::kOpaque, 0);
  stack_.resize(begin);
  return Replace(was, is);
}

bool PickleReader::MakeTuple(size_t begin) {
  if (stack_.size() < begin) return Fail("a tuple's item is missing");
  const Value tuple = builder_.Tuple({stack_.data() + begin, stack_.size() - begin});
  stack_.resize(begin);
  Push(tuple);
  return true;
}

// After "EMPTY_LIST MEMOIZE MARK" a run of memo reads and APPENDS is a Python stack. The bytes of
// such a run mean the same frames wherever they stand, so a run seen before is found by its bytes.
bool PickleReader::MarkOrStack() {
  const bool candidate =
      !stack_.empty() && stack_.back().tag() == Tag::kEmptyList && !memo_rewritten_;
  if (candidate) {
    std::span<const uint8_t> run;
    const uint8_t* const after = RunAhead(&run);
    if (after != nullptr) return StackOfRun(run, after);
  }
  if (marks_.size() >= limits_.depth) return Fail("nested too deeply");
  marks_.push_back(static_cast<Mark>(stack_.size()));
  return true;
}

// The memo reads up to APPENDS, without a frame's header among them. Returns what comes after the
// APPENDS; null if something else is there.
const uint8_t* PickleReader::RunAhead(std::span<const uint8_t>* run) {
  const uint8_t* p = window_.at;
  const uint8_t* from = p;
  joined_run_.clear();
  while (window_.end - p >= kFrameBytes + 6) {
    if (*p == kLongBinGet) {
      p += 5;
    } else if (*p == kBinGet) {
      p += 2;
    } else if (*p == kFrameOp) {
      joined_run_.insert(joined_run_.end(), from, p);
      p += kFrameBytes;
      from = p;
    } else if (*p == kAppends && p > window_.at) {
      *run = {from, p};
      if (!joined_run_.empty()) {
        joined_run_.insert(joined_run_.end(), from, p);
        *run = joined_run_;
      }
      return run->empty() ? nullptr : p + 1;
    } else {
      return nullptr;
    }
  }
  return nullptr;
}

bool PickleReader::StackOfRun(std::span<const uint8_t> run, const uint8_t* after) {
  const uint32_t known = runs_.size();
  const RunId id = runs_.Intern(run);
  const Value was = stack_.back();
  if (id.value < known && run_facts_[id.value].stack != kNothing) {
    window_.at = after;
    return Replace(was, {Tag::kStack, run_facts_[id.value].stack});
  }
  // New, or no stack: decode it.
  if (id.value >= known) {
    run_facts_.emplace_back();
    run_bytes_ += run.size() + sizeof(RunFacts) + 16;
  }
  const size_t begin = stack_.size();
  for (size_t at = 0; at < run.size();) {
    const bool is_long = run[at] == kLongBinGet;
    const uint64_t slot = is_long ? Little(&run[at + 1], 4) : run[at + 1];
    if (!Get(slot)) return false;
    at += is_long ? 5 : 2;
  }
  window_.at = after;
  if (!AppendItems(begin)) return false;
  if (stack_.back().tag() == Tag::kStack) run_facts_[id.value].stack = stack_.back().index();
  return CheckMemory();
}

bool PickleReader::Step() {
  if (window_.left() == 0) return Fail("the file is cut off");
  const uint8_t op = *window_.at++;
  uint64_t number = 0;
  size_t begin = 0;
  Value value;
  switch (op) {
    case kLongBinGet:
      return Number(4, &number) && Get(number);
    case kBinGet:
      return Number(1, &number) && Get(number);
    case kMemoize:
      return Memoize();
    case kLong1:
      return Number(1, &number) && PushLong(number);
    case kMark:
      return MarkOrStack();
    case kBinInt1:
      if (!Number(1, &number)) return false;
      Push({Tag::kInt, number});
      return true;
    case kBinInt2:
      if (!Number(2, &number)) return false;
      Push({Tag::kInt, number});
      return true;
    case kBinInt:
      if (!Number(4, &number)) return false;
      Push(builder_.Integer(static_cast<int32_t>(number)));
      return true;
    case kEmptyDict:
      if (FastEvent()) return true;
      Push({Tag::kEmptyDict, kNoSlot});
      return true;
    case kEmptyList:
      Push({Tag::kEmptyList, kNoSlot});
      return true;
    case kSetItems:
      return Items(&begin) && SetItems(begin);
    case kAppends:
      return Items(&begin) && AppendItems(begin);
    case kShortBinUnicode:
    case kShortBinString:
      return Number(1, &number) && PushString(number);
    case kBinUnicode:
    case kBinString:
      return Number(4, &number) && PushString(number);
    case kBinUnicode8:
      return Number(8, &number) && PushString(number);
    case kSetItem: {
      const size_t floor = marks_.empty() ? 0 : marks_.back();
      if (stack_.size() < floor + 3) return Fail("a dictionary's item is missing");
      return SetItems(stack_.size() - 2);
    }
    case kAppend: {
      const size_t floor = marks_.empty() ? 0 : marks_.back();
      if (stack_.size() < floor + 2) return Fail("a list's item is missing");
      return AppendItems(stack_.size() - 1);
    }
    case kNone:
      Push({Tag::kNone, 0});
      return true;
    case kNewTrue:
    case kNewFalse:
      Push({Tag::kBool, op == kNewTrue});
      return true;
    case kBinFloat:
      if (!Number(8, &number)) return false;
      Push(builder_.Float(std::bit_cast<double>(__builtin_bswap64(number))));
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3: {
      const size_t count = op - kTuple1 + 1u;
      const size_t floor = marks_.empty() ? 0 : marks_.back();
      if (stack_.size() < floor + count) return Fail("a tuple's item is missing");
      return MakeTuple(stack_.size() - count);
    }
    case kTuple:
      return Items(&begin) && MakeTuple(begin);
    case kEmptyTuple:
      Push({Tag::kOpaque, 0});
      return true;
    case kList:
    case kDict:
      if (!Items(&begin)) return false;
      stack_.insert(stack_.begin() + static_cast<ptrdiff_t>(begin),
                    Value(op == kList ? Tag::kEmptyList : Tag::kEmptyDict, kNoSlot));
      return op == kList ? AppendItems(begin + 1) : SetItems(begin + 1);
    case kFrameOp:  // frames only group bytes for the writer
      return Number(8, &number);
    case kProto:
      if (!Number(1, &number)) return false;
      if (number > 5) return Fail(fmt::format("pickle protocol {} is not known", number));
      return true;
    case kBinPut:
      return Number(1, &number) && Put(number);
    case kLongBinPut:
      return Number(4, &number) && Put(number);
    case kInt:
      return PushLine(false);
    case kLong:
      return PushLine(true);
    case kLong4:
      return Number(4, &number) && PushLong(number);
    case kShortBinBytes:
      return Number(1, &number) && PushBytes(number);
    case kBinBytes:
      return Number(4, &number) && PushBytes(number);
    case kBinBytes8:
      return Number(8, &number) && PushBytes(number);
    case kPop:
      return Pop(&value);
    case kPopMark:
      if (!Items(&begin)) return false;
      stack_.resize(begin);
      return true;
    case kDup:
      if (stack_.empty()) return Fail("a value is missing");
      Push(stack_.back());
      return true;
    case kStop:
      return false;
    default:
      --window_.at;
      return Fail(fmt::format("opcode 0x{:02x} has no place in a memory snapshot", op));
  }
}

}  // namespace vramcast::snapshot
