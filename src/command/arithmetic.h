// Whole-number arithmetic of $((…)), for values such as EVAL_TOKENS=$((100 * 524288)).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace vramcast::command {

// What a variable holds; empty if it is unknown.
using Lookup = std::function<std::optional<int64_t>(std::string_view name)>;

// + - * / % ** and brackets over numbers and variables (with or without $). Empty where bash would
// refuse, where a value is unknown or overflows, and for the operators that nobody needs here.
std::optional<int64_t> EvaluateArithmetic(std::string_view expression, const Lookup& lookup);

}  // namespace vramcast::command
