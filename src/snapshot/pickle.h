// Reads a pickle (protocols 2 to 5) of a memory snapshot and executes nothing: only opcodes that
// make numbers, strings, tuples, lists and dictionaries exist for it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "snapshot/builder.h"
#include "snapshot/memo.h"
#include "snapshot/value.h"
#include "snapshot/window.h"

namespace vramcast::snapshot {

struct ReadLimits {
  uint64_t memory = uint64_t{8} << 30;   // bytes of rows, stacks and memo
  uint32_t depth = 4096;                 // open lists and dictionaries
  uint64_t string = uint64_t{64} << 20;  // bytes of one string
  // Values waiting for their list or dictionary. CPython's pickler hands over a thousand at a time.
  uint32_t waiting = 1 << 24;
};

class PickleReader {
 public:
  PickleReader(Source& source, Builder& builder, const ReadLimits& limits)
      : window_(source), builder_(builder), limits_(limits) {}

  // The value that the pickle holds. Every error is kUnreadable and names the byte.
  Result<Value> Read();
  uint64_t offset() const { return window_.offset(); }  // of the next byte

 private:
  // A place in the stack where a MARK was set.
  using Mark = uint32_t;

  bool Fail(std::string_view message);
  bool Step();  // one opcode; false at STOP or on failure
  bool Refill();
  bool CheckMemory();

  bool Number(size_t bytes, uint64_t* out);
  bool PushString(uint64_t size);
  bool PushBytes(uint64_t size);
  bool PushLong(uint64_t size);
  bool PushLine(bool is_long);
  void Push(Value value) { stack_.push_back(value); }
  bool Pop(Value* out);
  bool Items(size_t* begin);  // everything above the last MARK, which is removed
  Value Remembered(uint64_t slot) const {
    return memo_.IsEvent(slot) ? RememberedEvent(slot) : memo_[slot];
  }
  Value RememberedEvent(uint64_t slot) const;
  bool Get(uint64_t slot);
  bool Put(uint64_t slot);
  bool Memoize();
  bool SetItems(size_t begin);
  bool AppendItems(size_t begin);
  bool Replace(Value was, Value is);  // the container on top became something
  bool MakeTuple(size_t begin);
  bool MarkOrStack();
  const uint8_t* RunAhead(std::span<const uint8_t>* run);
  bool StackOfRun(std::span<const uint8_t> run, const uint8_t* after);
  bool FastEvent();
  bool KnownStack(const uint8_t** at, uint32_t* stack);

  Window window_;
  Builder& builder_;
  ReadLimits limits_;
  std::vector<Value> stack_;
  std::vector<Mark> marks_;
  Memo memo_;
  // Runs of memo reads that made a stack before, byte for byte: the same bytes make it again.
  using RunId = Index<struct RunTag>;
  SequenceTable<RunId, uint8_t> runs_;
  struct RunFacts {
    uint32_t stack = kNothing;    // kNothing if it is none
    uint32_t last_at = kNothing;  // where among the recent ones it came last
  };
  std::vector<RunFacts> run_facts_;  // by RunId
  // The runs of the last events, one after the other. A program that repeats itself repeats their
  // order, so what comes next is guessed by following what came then.
  static constexpr uint32_t kRecent = 1 << 17;  // a power of two
  std::vector<RunId> recent_runs_ = std::vector<RunId>(kRecent);
  uint32_t runs_seen_ = 0;
  uint32_t follow_ = kNothing;
  std::vector<uint8_t> joined_run_;
  uint64_t run_bytes_ = 0;
  bool memo_rewritten_ = false;
  bool stopped_ = false;
  std::optional<Error> error_;
};

}  // namespace vramcast::snapshot
