#include "trace/category.h"

namespace vramcast {
namespace {

constexpr std::array<std::string_view, kCategoryCount> kNames = {
    "parameters", "gradients",     "optimizer", "activations",
    "logits",     "communication", "workspace", "other",
};

}  // namespace

std::string_view CategoryName(Category category) { return kNames[static_cast<size_t>(category)]; }

std::optional<Category> CategoryFromName(std::string_view name) {
  for (size_t i = 0; i < kCategoryCount; ++i) {
    if (kNames[i] == name) return static_cast<Category>(i);
  }
  return std::nullopt;
}

}  // namespace vramcast
