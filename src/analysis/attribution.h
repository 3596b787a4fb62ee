// What an allocation is, read off its stack: the line of the user's program that asked for it, the
// operator that did, and what kind of memory that is.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "trace/category.h"
#include "trace/recording.h"

namespace vramcast {

class Attribution {
 public:
  explicit Attribution(const Recording& recording);

  // "nanochat/gpt.py:123 forward": the innermost line that belongs neither to PyTorch nor to a
  // library that only passes tensors on; "backward: MmBackward0" in autograd's threads.
  const std::string& Line(StackId stack) const { return rows_[Row(stack)].line; }
  // The frame that Line() names; null where it names none.
  const Frame* LineFrame(StackId stack) const { return rows_[Row(stack)].frame; }
  // "mm" from C++ frames, "torch.nn.functional linear" from Python's; or "not recorded".
  const std::string& Operator(StackId stack) const { return rows_[Row(stack)].op; }
  Category CategoryOf(StackId stack) const { return rows_[Row(stack)].category; }
  bool HasFrames(StackId stack) const { return !recording_.stacks[stack].empty(); }
  // Innermost frame first, "file:line function", one a line.
  std::vector<std::string> Frames(StackId stack) const;

 private:
  struct StackFacts {
    std::string line;
    const Frame* frame = nullptr;
    std::string op;
    Category category = Category::kOther;
  };
  // What one frame says, worked out once for all stacks that it is part of.
  struct FrameFacts {
    bool is_program = false;  // of the user or of a library whose lines say something
    bool is_python = false;
    bool is_compiled = false;  // code that torch.compile wrote
    bool is_autograd = false;
    std::string op;    // at::_ops::NAME
    std::string node;  // torch::autograd::generated::NAME
    std::optional<Category> category;
  };
  FrameFacts FactsOf(const Frame& frame) const;
  StackFacts RowOf(std::span<const FrameId> stack, const std::vector<FrameFacts>& facts) const;
  size_t Row(StackId stack) const {
    return stack.value < rows_.size() - 1 ? stack.value : rows_.size() - 1;
  }
  std::string FrameText(const Frame& frame) const;

  const Recording& recording_;
  std::vector<StackFacts> rows_;  // by StackId; the last one is for no stack
};

}  // namespace vramcast
