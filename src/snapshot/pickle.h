// Reads a pickle (protocols 2 to 5) of a memory snapshot and executes nothing: only opcodes that
// make numbers, strings, tuples, lists and dictionaries exist for it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "snapshot/builder.h"
#include "snapshot/value.h"
#include "snapshot/window.h"

namespace vramcast::snapshot {

// What MEMOIZE and PUT remember, by number. Most reads are of the first few hundred entries.
class Memo {
 public:
  uint64_t size() const { return values_.size(); }
  Value operator[](uint64_t slot) const { return values_[static_cast<uint32_t>(slot)]; }
  Value& at(uint64_t slot) { return values_[static_cast<uint32_t>(slot)]; }
  void Add(Value value) { values_.Add(value); }

 private:
  Pieces<Value> values_;
};

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
  bool Get(uint64_t slot);
  bool Put(uint64_t slot);
  bool Memoize();
  bool SetItems(size_t begin);
  bool AppendItems(size_t begin);
  bool Replace(Value was, Value is);  // the container on top became something
  bool MakeTuple(size_t begin);
  bool MarkOrStack();
  bool FastEvent();
  uint32_t KnownRun(const uint8_t* begin, const uint8_t* end) const;

  Window window_;
  Builder& builder_;
  ReadLimits limits_;
  std::vector<Value> stack_;
  std::vector<Mark> marks_;
  Memo memo_;
  // Runs of memo reads that made a stack before, byte for byte: the same bytes make it again.
  SequenceTable<Index<struct RunTag>, uint8_t> runs_;
  std::vector<uint32_t> run_stacks_;
  uint64_t run_bytes_ = 0;
  bool memo_rewritten_ = false;
  bool stopped_ = false;
  std::optional<Error> error_;
};

}  // namespace vramcast::snapshot
