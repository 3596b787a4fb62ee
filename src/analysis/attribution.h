// What an allocation is, read off its Python stack: the line of the user's program that asked for
// it, and what kind of memory that is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "trace/category.h"
#include "trace/recording.h"

namespace vramcast {

class Attribution {
 public:
  explicit Attribution(const Recording& recording);

  // "nanochat/gpt.py:123 forward": the innermost line that is not PyTorch's own, or "without a
  // stack".
  const std::string& Line(StackId stack) const { return lines_[Row(stack)]; }
  Category CategoryOf(StackId stack) const { return categories_[Row(stack)]; }
  // Innermost frame first, "file:line function", one a line.
  std::vector<std::string> Frames(StackId stack) const;

 private:
  size_t Row(StackId stack) const {
    return stack.value < lines_.size() - 1 ? stack.value : lines_.size() - 1;
  }
  std::string FrameText(const Frame& frame) const;

  const Recording& recording_;
  std::vector<std::string> lines_;  // by StackId; the last one is for no stack
  std::vector<Category> categories_;
};

}  // namespace vramcast
