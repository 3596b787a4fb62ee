#include "command/value.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "command/arithmetic.h"

namespace vramcast::command {
namespace {

// Bounds that keep A=$A$A, written often enough, from filling the memory.
constexpr size_t kMaxCandidates = 64;
constexpr size_t kMaxLength = size_t{1} << 16;
constexpr size_t kMaxArguments = 4096;

Value Known(std::string text) { return {std::move(text), {}, {}, {}}; }
Value Unknown(std::string why) { return {std::nullopt, {}, {}, std::move(why)}; }

// All that the value can be; empty if that is not known.
std::vector<std::string> Options(const Value& value) {
  if (value.text) return {*value.text};
  return value.candidates;
}

Value FromOptions(std::vector<std::string> options, std::string why) {
  if (options.size() == 1) return Known(std::move(options.front()));
  Value value = Unknown(std::move(why));
  if (options.size() <= kMaxCandidates) value.candidates = std::move(options);
  return value;
}

Value Concatenate(const Value& a, const Value& b) {
  const std::vector<std::string> heads = Options(a), tails = Options(b);
  if (heads.empty() || tails.empty()) {
    return Unknown(heads.empty() ? a.why_unknown : b.why_unknown);
  }
  std::vector<std::string> options;
  for (const std::string& head : heads) {
    for (const std::string& tail : tails) {
      if (head.size() + tail.size() > kMaxLength) return Unknown("it is very long");
      if (options.size() <= kMaxCandidates) options.push_back(head + tail);
    }
  }
  Value value = FromOptions(std::move(options), a.text ? b.why_unknown : a.why_unknown);
  value.unless_set = a.unless_set.empty() ? b.unless_set : a.unless_set;
  return value;
}

// What a variable holds that one branch assigned anew and another left as it was.
Value Merge(const Value& before, const Value& after, const std::string& name) {
  std::vector<std::string> options = Options(before);
  for (std::string& option : Options(after)) {
    if (std::find(options.begin(), options.end(), option) == options.end()) {
      options.push_back(std::move(option));
    }
  }
  const std::string why = "$" + name + " has another value in each branch";
  if (Options(before).empty() || Options(after).empty()) {
    Value value = Unknown(why);
    value.candidates = std::move(options);
    return value;
  }
  Value value = FromOptions(std::move(options), why);
  value.unless_set = before.unless_set;
  return value;
}

// The bytes between the quotes, if there every byte of `word` stands for itself or an expansion.
std::optional<Span> PlainInside(std::string_view text, const Word& word) {
  if (word.pieces.empty()) return std::nullopt;
  size_t at = word.pieces.front().span.begin;
  const size_t begin = at;
  for (const Piece& piece : word.pieces) {
    const bool itself = piece.kind != PieceKind::kLiteral ||
                        text.substr(piece.span.begin, piece.span.size()) == piece.text;
    if (piece.span.begin != at || !itself || piece.quoted != word.pieces.front().quoted) {
      return std::nullopt;
    }
    at = piece.span.end;
  }
  return Span{begin, at};
}

bool IsNumber(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

bool HasBlank(std::string_view text) { return text.find_first_of(" \t\n") != text.npos; }

}  // namespace

std::optional<Span> LiteralSpan(const Word& word) {
  if (word.pieces.empty() || word.is_literal()) return word.span;
  if (word.pieces.size() > 2) return std::nullopt;
  // A double quote leaves an empty literal in front of the expansion.
  if (word.pieces.size() == 2 && !word.pieces.front().text.empty()) return std::nullopt;
  const Piece& piece = word.pieces.back();
  if (piece.kind != PieceKind::kVariable || piece.expansion != Expansion::kDefault ||
      piece.fallback.size() != 1 || piece.fallback.front().kind != PieceKind::kLiteral) {
    return std::nullopt;
  }
  return piece.fallback.front().span;
}

void Variables::Observe(std::string_view text, const Command& command) {
  const bool conditional = command.condition_depth > 0;
  if (command.kind == CommandKind::kForLoop) {
    std::vector<std::string> options;
    bool known = true;
    for (const Word& word : command.words) {
      for (const Argument& argument : Expand(word)) {
        const std::vector<std::string> some = Options(argument.value);
        known = known && !some.empty();
        options.insert(options.end(), some.begin(), some.end());
      }
    }
    if (!known) options.clear();
    Binding binding;
    binding.value =
        FromOptions(std::move(options), "$" + command.loop_variable + " is the variable of a loop");
    bindings_.insert_or_assign(command.loop_variable, std::move(binding));
    return;
  }
  if (command.assignments.empty()) return;
  // NAME=value in front of a command is that command's environment and no variable of the script.
  const bool declares = !command.words.empty() &&
                        command.words.front().span.begin < command.assignments.front().span.begin;
  if (!command.words.empty() && !declares) return;
  for (const Assignment& assignment : command.assignments) Assign(text, assignment, conditional);
}

void Variables::Assign(std::string_view text, const Assignment& assignment, bool conditional) {
  Binding binding = Bind(text, assignment);
  const auto before = bindings_.find(assignment.name);
  if (assignment.appends) {
    const bool extends = before != bindings_.end() && !before->second.arguments.empty() &&
                         before->second.is_array == binding.is_array && !conditional;
    if (!extends) {
      binding.value = Unknown("$" + assignment.name + " is put together from several parts");
      binding.arguments.clear();
    } else {
      binding.value = Concatenate(before->second.value, binding.value);
      // Without a blank between the parts, the last word goes on; nobody splits there in practice.
      binding.arguments.insert(binding.arguments.begin(), before->second.arguments.begin(),
                               before->second.arguments.end());
      if (binding.arguments.size() > kMaxArguments) binding.arguments.clear();
    }
    binding.site.reset();
  } else if (conditional && before != bindings_.end()) {
    binding.value = Merge(before->second.value, binding.value, assignment.name);
    binding.arguments.clear();
    binding.site.reset();
  } else if (conditional && binding.value.unless_set.empty()) {
    binding.value.unless_set = assignment.name;
  }
  bindings_.insert_or_assign(assignment.name, std::move(binding));
}

Binding Variables::Bind(std::string_view text, const Assignment& assignment) const {
  Binding binding;
  binding.is_array = assignment.is_array;
  if (assignment.is_array) {
    binding.value = Unknown("$" + assignment.name + " is an array");
    for (const Word& word : assignment.words) {
      if (binding.arguments.size() > kMaxArguments) break;
      for (Argument& argument : Expand(word)) binding.arguments.push_back(std::move(argument));
    }
  } else {
    const Word& word = assignment.words.front();
    binding.value = Evaluate(word.pieces);
    if (const auto literal = LiteralSpan(word)) {
      binding.site = AssignmentSite{assignment.span, *literal};
    }
    if (const auto inside = PlainInside(text, word)) {
      for (const Word& part : SplitWords(text, *inside)) {
        Argument argument{Evaluate(part.pieces), part, {}};
        binding.arguments.push_back(std::move(argument));
      }
    }
  }
  if (binding.arguments.size() > kMaxArguments) binding.arguments.clear();
  for (Argument& argument : binding.arguments) argument.through = assignment.name;
  return binding;
}

Value Variables::EvaluatePiece(const Piece& piece) const {
  switch (piece.kind) {
    case PieceKind::kLiteral:
      return Known(piece.text);
    case PieceKind::kSubstitution:
      return Unknown("the output of " + piece.text + " is not known before it runs");
    case PieceKind::kArithmetic: {
      const auto lookup = [this](std::string_view name) -> std::optional<int64_t> {
        const Binding* binding = Find(name);
        if (binding == nullptr || !binding->value.text) return std::nullopt;
        return ParseInt(*binding->value.text);
      };
      const auto number = EvaluateArithmetic(piece.text, lookup);
      if (number) return Known(std::to_string(*number));
      return Unknown("$((" + piece.text + ")) depends on something that is not known");
    }
    case PieceKind::kVariable:
      break;
  }
  const Binding* binding = Find(piece.text);
  if (piece.expansion == Expansion::kOther) {
    return Unknown("${" + piece.text + "…} is not worked out");
  }
  if (binding != nullptr) {
    const bool element = piece.expansion != Expansion::kAllElements && binding->is_array;
    if (element && !binding->arguments.empty()) return binding->arguments.front().value;
    return binding->value;
  }
  if (piece.expansion == Expansion::kDefault) {
    Value value = Evaluate(piece.fallback);
    if (value.text) value.unless_set = piece.text;
    return value;
  }
  if (IsNumber(piece.text)) return Unknown("$" + piece.text + " is an argument of the script");
  return Unknown("$" + piece.text + " is not set in this text");
}

Value Variables::Evaluate(const std::vector<Piece>& pieces) const {
  Value value = Known("");
  for (const Piece& piece : pieces) value = Concatenate(value, EvaluatePiece(piece));
  return value;
}

std::vector<Argument> Variables::Expand(const Word& word) const {
  const bool lone = !word.pieces.empty() && word.pieces.back().kind == PieceKind::kVariable &&
                    (word.pieces.size() == 1 ||
                     (word.pieces.size() == 2 && word.pieces.front().kind == PieceKind::kLiteral &&
                      word.pieces.front().text.empty()));
  const Argument whole{Evaluate(word.pieces), word, {}};
  if (!lone) return {whole};
  const Piece& piece = word.pieces.back();
  const Binding* binding = Find(piece.text);
  if (binding == nullptr) return {whole};
  if (binding->is_array) {
    return piece.expansion == Expansion::kAllElements ? binding->arguments
                                                      : std::vector<Argument>{whole};
  }
  if (piece.quoted || piece.expansion != Expansion::kPlain) return {whole};
  if (binding->value.text && Trim(*binding->value.text).empty()) return {};
  const bool several = binding->arguments.size() > 1 ||
                       (binding->value.text &&
                        (HasBlank(*binding->value.text) || binding->value.text->starts_with('-')));
  return several && !binding->arguments.empty() ? binding->arguments : std::vector<Argument>{whole};
}

const Binding* Variables::Find(std::string_view name) const {
  const auto found = bindings_.find(name);
  return found == bindings_.end() ? nullptr : &found->second;
}

}  // namespace vramcast::command
