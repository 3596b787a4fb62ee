#include "command/arithmetic.h"

#include "base/text.h"
#include "command/lexer.h"

namespace vramcast::command {
namespace {

using Number = std::optional<int64_t>;

constexpr int kMaxDepth = 64;

Number Apply(char op, Number a, Number b) {
  if (!a || !b) return std::nullopt;
  int64_t result = 0;
  switch (op) {
    case '+':
      return __builtin_add_overflow(*a, *b, &result) ? Number() : result;
    case '-':
      return __builtin_sub_overflow(*a, *b, &result) ? Number() : result;
    case '*':
      return __builtin_mul_overflow(*a, *b, &result) ? Number() : result;
    default:
      break;
  }
  if (*b == 0 || *b == -1) return std::nullopt;  // -1: INT64_MIN / -1 overflows
  return op == '/' ? *a / *b : *a % *b;
}

class Evaluator {
 public:
  Evaluator(std::string_view text, const Lookup& lookup) : text_(text), lookup_(lookup) {}

  Number Evaluate() {
    const Number value = Sum(0);
    return Peek() == '\0' ? value : std::nullopt;
  }

 private:
  char Peek() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t')) ++pos_;
    return pos_ < text_.size() ? text_[pos_] : '\0';
  }
  bool IsPower() { return Peek() == '*' && pos_ + 1 < text_.size() && text_[pos_ + 1] == '*'; }

  Number Sum(int depth) {
    Number value = Product(depth);
    while (Peek() == '+' || Peek() == '-') {
      const char op = text_[pos_++];
      value = Apply(op, value, Product(depth));
    }
    return value;
  }

  Number Product(int depth) {
    Number value = Power(depth);
    while ((Peek() == '*' && !IsPower()) || Peek() == '/' || Peek() == '%') {
      const char op = text_[pos_++];
      value = Apply(op, value, Power(depth));
    }
    return value;
  }

  Number Power(int depth) {
    const Number base = Atom(depth);
    if (!IsPower()) return base;
    if (depth > kMaxDepth) return std::nullopt;
    pos_ += 2;
    const Number exponent = Power(depth + 1);
    if (!exponent || *exponent < 0 || *exponent > 63) return std::nullopt;
    Number value = 1;
    for (int64_t i = 0; i < *exponent; ++i) value = Apply('*', value, base);
    return value;
  }

  Number Atom(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    const char c = Peek();
    if (c == '(') {
      ++pos_;
      const Number value = Sum(depth + 1);
      if (Peek() != ')') return std::nullopt;
      ++pos_;
      return value;
    }
    if (c == '-') {
      ++pos_;
      return Apply('-', 0, Atom(depth + 1));
    }
    size_t begin = pos_;
    bool braced = false;
    if (c == '$') {
      begin = ++pos_;
      if (Peek() == '{') braced = true, begin = ++pos_;
    }
    while (pos_ < text_.size() && IsNameChar(text_[pos_])) ++pos_;
    const std::string_view token = text_.substr(begin, pos_ - begin);
    if (braced && (pos_ >= text_.size() || text_[pos_++] != '}')) return std::nullopt;
    if (token.empty()) return std::nullopt;
    if (IsNameStart(token.front())) return lookup_(token);
    if (token.size() > 1 && token.front() == '0') return std::nullopt;  // octal and hexadecimal
    return ParseInt(token);
  }

  std::string_view text_;
  const Lookup& lookup_;
  size_t pos_ = 0;
};

}  // namespace

std::optional<int64_t> EvaluateArithmetic(std::string_view expression, const Lookup& lookup) {
  return Evaluator(expression, lookup).Evaluate();
}

}  // namespace vramcast::command
