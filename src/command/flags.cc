#include "command/flags.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "command/lexer.h"
#include "nanochat/flags.h"

namespace vramcast::command {
namespace {

struct NamedRole {
  std::string_view name;
  Role role;
};
// Usual names in Hugging Face's Trainer, TRL, Axolotl, Megatron-LM, DeepSpeed examples, nanoGPT,
// torchtitan, OpenRLHF and YOLO.
constexpr NamedRole kRoles[] = {
    {"per_device_train_batch_size", Role::kDeviceBatch},
    {"per_gpu_train_batch_size", Role::kDeviceBatch},
    {"device_batch_size", Role::kDeviceBatch},
    {"micro_batch_size", Role::kDeviceBatch},
    {"micro_train_batch_size", Role::kDeviceBatch},
    {"train_micro_batch_size_per_gpu", Role::kDeviceBatch},
    {"local_batch_size", Role::kDeviceBatch},
    {"train_batch_size", Role::kDeviceBatch},
    {"batch_size_per_gpu", Role::kDeviceBatch},
    {"batch_size", Role::kDeviceBatch},
    {"batchsize", Role::kDeviceBatch},
    {"batch", Role::kDeviceBatch},
    {"bs", Role::kDeviceBatch},
    {"per_device_eval_batch_size", Role::kEvalBatch},
    {"per_gpu_eval_batch_size", Role::kEvalBatch},
    {"eval_batch_size", Role::kEvalBatch},
    {"val_batch_size", Role::kEvalBatch},
    {"gradient_accumulation_steps", Role::kGradAccum},
    {"grad_accumulation_steps", Role::kGradAccum},
    {"grad_accum_steps", Role::kGradAccum},
    {"accumulate_grad_batches", Role::kGradAccum},
    {"global_batch_size", Role::kTotalBatch},
    {"total_batch_size", Role::kTotalBatch},
    {"max_seq_length", Role::kSequenceLength},
    {"max_seq_len", Role::kSequenceLength},
    {"seq_length", Role::kSequenceLength},
    {"sequence_len", Role::kSequenceLength},
    {"block_size", Role::kSequenceLength},
    {"max_length", Role::kSequenceLength},
    {"model_max_length", Role::kSequenceLength},
    {"cutoff_len", Role::kSequenceLength},
};

// scripts/chat_eval.py's short options (the same since October 2025).
struct ShortName {
  char letter;
  std::string_view name;
};
constexpr ShortName kChatEvalShort[] = {
    {'i', "source"},         {'a', "task_name"},   {'d', "dtype"},        {'t', "temperature"},
    {'m', "max_new_tokens"}, {'n', "num_samples"}, {'k', "top_k"},        {'b', "batch_size"},
    {'g', "model_tag"},      {'s', "step"},        {'x', "max_problems"},
};

// nanochat's flags that take no value.
bool StandsAlone(std::string_view name) { return name == "fp8" || name == "dry_run"; }

Role RoleOf(std::string_view name) {
  // trainer.batch_size=4: the last part names it.
  const size_t dot = name.rfind('.');
  if (dot != std::string_view::npos) name.remove_prefix(dot + 1);
  for (const NamedRole& known : kRoles) {
    if (known.name == name) return known.role;
  }
  return Role::kOther;
}

bool IsNumber(std::string_view text) { return ParseDouble(text).has_value(); }

// The literal bytes at an argument's front, and where in the text they end.
struct Front {
  std::string text;
  bool whole = false;  // nothing but literal
};

Front FrontOf(const Argument& argument) {
  Front front;
  for (const Piece& piece : argument.word.pieces) {
    if (piece.kind != PieceKind::kLiteral) return front;
    front.text += piece.text;
  }
  front.whole = true;
  return front;
}

class Reader {
 public:
  Reader(std::string_view text, std::span<const Argument> arguments, const Variables& variables,
         std::optional<nanochat::Stage> stage)
      : text_(text), arguments_(arguments), variables_(variables), stage_(stage) {}

  ProgramArguments Read() {
    for (size_t i = 0; i < arguments_.size();) i = ReadOne(i);
    return std::move(result_);
  }

 private:
  size_t ReadOne(size_t i) {
    const Argument& argument = arguments_[i];
    const std::string front = argument.value.text.value_or(FrontOf(argument).text);
    if (front.empty() && !argument.value.text) return ReadUnknown(i);
    if (front == "--") return i + 1;
    const bool dashed = front.size() > 1 && front[0] == '-' && !IsNumber(front);
    const size_t equals = front.find('=');
    const bool hydra = !dashed && !stage_ && equals != std::string::npos && equals > 0;
    if (!dashed && !hydra) {
      if (argument.value.text) result_.positional.push_back(front);
      return i + 1;
    }
    FlagUse use;
    use.spelling = front.substr(0, equals);
    if (stage_ == nanochat::Stage::kChatEval && front[0] == '-' && front[1] != '-') {
      return ReadShort(i, front);
    }
    Name(use, nanochat::CanonicalName(use.spelling), argument);
    if (equals != std::string::npos) {
      TakeJoinedValue(use, argument, equals + 1);
      result_.uses.push_back(std::move(use));
      return i + 1;
    }
    return TakeNextValue(std::move(use), i);
  }

  // -b 4 and -b4.
  size_t ReadShort(size_t i, const std::string& front) {
    FlagUse use;
    use.spelling = front.substr(0, 2);
    std::string name(1, front[1]);
    for (const ShortName& known : kChatEvalShort) {
      if (known.letter == front[1]) name = known.name;
    }
    Name(use, name, arguments_[i]);
    if (front.size() == 2) return TakeNextValue(std::move(use), i);
    TakeJoinedValue(use, arguments_[i], 2);
    result_.uses.push_back(std::move(use));
    return i + 1;
  }

  size_t ReadUnknown(size_t i) {
    const Argument& argument = arguments_[i];
    // A variable that holds one flag in each branch: --device-batch-size=8 or 16 or 32.
    const std::vector<std::string>& options = argument.value.candidates;
    const size_t equals = options.empty() ? std::string::npos : options.front().find('=');
    if (equals != std::string::npos && options.front().starts_with("--")) {
      const std::string flag = options.front().substr(0, equals + 1);
      if (std::all_of(options.begin(), options.end(),
                      [&](const std::string& option) { return option.starts_with(flag); })) {
        FlagUse use;
        use.spelling = flag.substr(0, equals);
        use.value = argument.value;
        for (std::string& option : use.value->candidates) option.erase(0, equals + 1);
        use.span = argument.word.span;
        use.through = argument.word.pieces.back().text;
        Name(use, nanochat::CanonicalName(use.spelling), argument);
        use.name_span = {};
        result_.uses.push_back(std::move(use));
        return i + 1;
      }
    }
    const Span span = argument.word.span;
    result_.notes.push_back("the argument " + std::string(text_.substr(span.begin, span.size())) +
                            " is not known: " + argument.value.why_unknown);
    return i + 1;
  }

  void Name(FlagUse& use, std::string name, const Argument& argument) {
    use.name = std::move(name);
    use.role = RoleOf(use.name);
    use.span = argument.word.span;
    if (!argument.through.empty()) use.through = argument.through;
    // The bytes of the name, where they stand for themselves.
    const size_t begin = argument.word.pieces.empty() ? 0 : argument.word.pieces.front().span.begin;
    if (text_.substr(begin, use.spelling.size()) == use.spelling) {
      use.name_span = {begin, begin + use.spelling.size()};
    }
  }

  void TakeJoinedValue(FlagUse& use, const Argument& argument, size_t skip) {
    Value value = argument.value;
    if (value.text) value.text->erase(0, skip);
    for (std::string& candidate : value.candidates) {
      candidate.erase(0, std::min(skip, candidate.size()));
    }
    use.value = std::move(value);
    if (use.name_span.size() == 0) return;
    // From behind the '=' to the end of the word, less the quote that closes after it.
    const Span span = argument.word.span;
    Span rest = {use.name_span.begin + skip, span.end};
    const size_t opening = use.name_span.begin - span.begin;
    if (opening == 1 && argument.word.pieces.front().quoted && span.end > rest.begin) {
      const char quote = text_[span.begin];
      if (text_[span.end - 1] != quote) return;
      if (text_.substr(rest.begin, span.end - 1 - rest.begin).find(quote) != std::string::npos)
        return;
      --rest.end;
    } else if (opening != 0) {
      return;
    }
    use.value_span = rest;
    std::vector<Piece> pieces;
    for (const Piece& piece : argument.word.pieces) {
      if (piece.span.begin >= rest.begin) pieces.push_back(piece);
    }
    UseVariable(use, pieces);
  }

  size_t TakeNextValue(FlagUse use, size_t i) {
    const bool alone = stage_ && StandsAlone(use.name);
    if (alone || i + 1 >= arguments_.size()) {
      result_.uses.push_back(std::move(use));
      return i + 1;
    }
    const Argument& next = arguments_[i + 1];
    const Front front = FrontOf(next);
    const std::string seen = next.value.text.value_or(front.text);
    const bool flag = seen.starts_with("-") && !IsNumber(seen);
    const bool hydra = !stage_ && seen.find('=') != std::string::npos;
    if (flag || hydra) {
      result_.uses.push_back(std::move(use));
      return i + 1;
    }
    use.value = next.value;
    use.value_in_next_word = true;
    use.value_span = next.word.span;
    if (next.through == use.through) use.span.end = next.word.span.end;
    UseVariable(use, next.word.pieces);
    result_.uses.push_back(std::move(use));
    return i + 2;
  }

  // Where the value is one variable's, remembers which and where it is assigned.
  void UseVariable(FlagUse& use, const std::vector<Piece>& pieces) {
    const bool quoted = pieces.size() == 2 && pieces.front().kind == PieceKind::kLiteral &&
                        pieces.front().text.empty();
    if (pieces.size() != 1 && !quoted) return;
    const Piece& piece = pieces.back();
    if (piece.kind != PieceKind::kVariable) return;
    const Binding* binding = variables_.Find(piece.text);
    use.value_variable = piece.text;
    if (piece.expansion == Expansion::kDefault && binding == nullptr) {
      if (piece.fallback.size() == 1 && piece.fallback.front().kind == PieceKind::kLiteral) {
        use.value_span = piece.fallback.front().span;
        use.value_variable.clear();
      }
    } else if (binding != nullptr && piece.expansion == Expansion::kPlain) {
      use.assignment = binding->site;
    }
  }

  std::string_view text_;
  std::span<const Argument> arguments_;
  const Variables& variables_;
  std::optional<nanochat::Stage> stage_;
  ProgramArguments result_;
};

}  // namespace

ProgramArguments ReadArguments(std::string_view text, std::span<const Argument> arguments,
                               const Variables& variables, std::optional<nanochat::Stage> stage) {
  return Reader(text, arguments, variables, stage).Read();
}

}  // namespace vramcast::command
