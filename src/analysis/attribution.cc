#include "analysis/attribution.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace vramcast {
namespace {

// Files that belong to the machinery between a program and the allocator.
bool IsMachinery(std::string_view file) {
  constexpr std::array<std::string_view, 12> kParts = {
      "site-packages/torch/",
      "dist-packages/torch/",
      "/torch/nn/",
      "/torch/optim/",
      "/torch/_",
      "/torch/utils/",
      "/torch/autograd/",
      "/torch/cuda/",
      "contextlib.py",
      "threading.py",
      "<frozen",
      "/torch/csrc/",
  };
  if (file.empty() || file == "??" || file.ends_with(".cpp") || file.ends_with(".cu") ||
      file.ends_with(".h") || file.ends_with(".so") || file.ends_with(".c")) {
    return true;
  }
  for (const std::string_view part : kParts) {
    if (file.find(part) != std::string_view::npos) return true;
  }
  return false;
}

// The end of a path that still says which file it is.
std::string_view Short(std::string_view file) {
  for (const std::string_view root : {"site-packages/", "dist-packages/"}) {
    const size_t at = file.rfind(root);
    if (at != std::string_view::npos) return file.substr(at + root.size());
  }
  const size_t last = file.rfind('/');
  if (last == std::string_view::npos || last == 0) return file;
  const size_t before = file.rfind('/', last - 1);
  return before == std::string_view::npos ? file : file.substr(before + 1);
}

// One frame's say about what is allocated; frames are asked from the innermost on.
std::optional<Category> FromFrame(std::string_view file, std::string_view function) {
  if (Contains(file, "/optim/") || Contains(file, "optim.py") || Contains(file, "adafactor") ||
      Contains(file, "muon") || Contains(file, "adamw") || Contains(file, "optimizer")) {
    return Category::kOptimizer;
  }
  if (Contains(function, "_init_group") || Contains(function, "optimizer_step"))
    return Category::kOptimizer;
  if (Contains(file, "distributed/") &&
      (Contains(function, "all_") || Contains(function, "reduce") ||
       Contains(function, "broadcast") || Contains(function, "scatter"))) {
    return Category::kCommunication;
  }
  if (Contains(function, "cross_entropy") || function == "cross_entropy" ||
      Contains(function, "lm_head") || Contains(function, "logits") ||
      Contains(function, "loss_function")) {
    return Category::kLogits;
  }
  if (function == "backward" || Contains(function, "run_backward") ||
      Contains(function, "_engine_run")) {
    return Category::kGradients;
  }
  if (Contains(function, "init_weights") || function == "_apply" || function == "to_empty" ||
      function == "to" || function == "convert" || Contains(function, "load_state_dict") ||
      Contains(function, "from_pretrained")) {
    return Category::kParameters;
  }
  if (function == "forward" || function == "__call__" || Contains(function, "generate") ||
      Contains(file, "/gpt.py")) {
    return Category::kActivations;
  }
  return std::nullopt;
}

}  // namespace

std::string Attribution::FrameText(const Frame& frame) const {
  const std::string_view file = recording_.strings[frame.file];
  const std::string_view function = recording_.strings[frame.function];
  const bool has_line = frame.line != 0 && frame.line != UINT64_MAX;
  if (file.empty() || file == "??") return std::string(function);
  return has_line ? fmt::format("{}:{} {}", Short(file), frame.line, function)
                  : fmt::format("{} {}", Short(file), function);
}

Attribution::Attribution(const Recording& recording) : recording_(recording) {
  const uint32_t count = recording.stacks.size();
  lines_.reserve(count + 1);
  for (uint32_t s = 0; s < count; ++s) {
    const Frame* line = nullptr;
    const Frame* python = nullptr;
    std::optional<Category> category;
    for (const FrameId id : recording.stacks[StackId{s}]) {
      if (id.value >= recording.frames.size()) continue;
      const Frame& frame = recording.frames[id.value];
      const std::string_view file = recording.strings[frame.file];
      if (python == nullptr && file.ends_with(".py")) python = &frame;
      if (line == nullptr && !IsMachinery(file)) line = &frame;
      if (!category) category = FromFrame(file, recording.strings[frame.function]);
    }
    if (line == nullptr) line = python;
    const auto frames = recording.stacks[StackId{s}];
    if (line == nullptr && !frames.empty() && frames[0].value < recording.frames.size()) {
      line = &recording.frames[frames[0].value];
    }
    lines_.push_back(line != nullptr ? FrameText(*line) : "without a stack");
    categories_.push_back(category.value_or(Category::kOther));
  }
  lines_.push_back("without a stack");
  categories_.push_back(Category::kOther);
}

std::vector<std::string> Attribution::Frames(StackId stack) const {
  std::vector<std::string> frames;
  for (const FrameId id : recording_.stacks[stack]) {
    if (id.value < recording_.frames.size()) {
      frames.push_back(FrameText(recording_.frames[id.value]));
    }
  }
  return frames;
}

}  // namespace vramcast
