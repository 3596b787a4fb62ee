// What an allocation is for. One list for every room and for all JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vramcast {

enum class Category : uint8_t {
  kParameters,
  kGradients,
  kOptimizer,      // states, and temporaries of the update
  kActivations,    // bf16 copies of weights included
  kLogits,         // a gradient that is written over the logits included
  kCommunication,  // staging tensors of collectives included
  kWorkspace,      // cuBLAS and cuDNN workspaces
  kOther,
};
inline constexpr size_t kCategoryCount = static_cast<size_t>(Category::kOther) + 1;

std::string_view CategoryName(Category category);
std::optional<Category> CategoryFromName(std::string_view name);

}  // namespace vramcast
