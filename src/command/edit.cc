#include "command/edit.h"

#include <algorithm>
#include <utility>

#include "command/lexer.h"
#include "command/quote.h"
#include "nanochat/flags.h"

namespace vramcast::command {
namespace {

struct Replacement {
  Span span;
  std::string text;
};

bool IsInside(Span inner, Span outer) {
  return inner.begin >= outer.begin && inner.end <= outer.end;
}

// How often the script reads a variable outside its comments and outside `except`.
int CountReads(std::string_view text, std::string_view name, Span except) {
  int count = 0;
  for (size_t at = text.find('$'); at != text.npos; at = text.find('$', at + 1)) {
    const size_t begin = at + 1 + (at + 1 < text.size() && text[at + 1] == '{' ? 1 : 0);
    if (text.substr(begin, name.size()) != name) continue;
    const size_t end = begin + name.size();
    if (end < text.size() && IsNameChar(text[end])) continue;
    if (at >= except.begin && at < except.end) continue;
    const size_t line = text.rfind('\n', at);
    const size_t first = text.find_first_not_of(" \t", line == text.npos ? 0 : line + 1);
    if (text[first] != '#') ++count;
  }
  return count;
}

class Editor {
 public:
  Editor(const LaunchScript& script, const Launch& launch)
      : text_(script.script.text), launch_(launch) {}

  Status Apply(const FlagEdit& edit) {
    const std::string name = nanochat::CanonicalName(edit.name.empty() ? edit.spelling : edit.name);
    if (name.empty()) return UsageError("an edit must name a flag");
    const FlagUse* use = launch_.Find(name);
    switch (edit.kind) {
      case EditKind::kRemove:
        Remove(name);
        return {};
      case EditKind::kRename:
        return Rename(use, name, edit.spelling);
      case EditKind::kSet:
        break;
    }
    if (use == nullptr) {
      Add(edit);
    } else {
      Set(*use, edit.value);
    }
    return {};
  }

  void SetVariable(std::string_view name, std::string_view value) {
    const EnvironmentSetting* setting = launch_.FindEnvironment(name);
    const std::string text = std::string(name) + "=" + Quote(value);
    Change change;
    change.flag = name;
    change.after = value;
    change.where = "in the environment";
    if (setting == nullptr) {
      Replace({launch_.span.begin, launch_.span.begin}, text + " ", std::move(change));
    } else if (setting->value.text != value) {
      change.before = setting->value.text;
      Replace(setting->span, text, std::move(change));
    }
  }

  Edited Finish() {
    std::vector<size_t> order(replacements_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [this](size_t a, size_t b) {
      return replacements_[a].span.begin < replacements_[b].span.begin;
    });
    Edited edited;
    size_t at = 0;
    for (const size_t i : order) {
      const Replacement& replacement = replacements_[i];
      if (replacement.span.begin < at) continue;  // inside one that was written already
      edited.text += text_.substr(at, replacement.span.begin - at);
      changes_[i].line =
          LineOf(edited.text, edited.text.size()) +
          static_cast<size_t>(std::count(replacement.text.begin(), replacement.text.end(), '\n'));
      edited.text += replacement.text;
      at = replacement.span.end;
    }
    edited.text += text_.substr(at);
    edited.changes = std::move(changes_);
    return edited;
  }

 private:
  void Replace(Span span, std::string text, Change change) {
    replacements_.push_back({span, std::move(text)});
    changes_.push_back(std::move(change));
  }

  void Set(const FlagUse& use, const std::string& value) {
    Change change;
    change.flag = use.spelling;
    if (use.value) change.before = use.value->text;
    if (!value.empty()) change.after = value;
    if (use.value && use.value->text == value) return;
    if (!use.value && value.empty()) return;

    const std::string& variable = use.value_variable;
    if (!variable.empty() && use.assignment) {
      if (CountReads(text_, variable, use.assignment->whole) == 1) {
        change.where = "at the assignment of " + variable;
        if (use.value && !use.value->unless_set.empty()) {
          change.where += ", which counts unless " + use.value->unless_set + " is set";
        }
        Replace(use.assignment->literal, Quote(value), std::move(change));
        return;
      }
      change.where = "in place of $" + variable + ", which is used elsewhere too";
    } else if (!variable.empty()) {
      change.where = "in place of $" + variable;
    } else if (use.value_span && use.value && !use.value->unless_set.empty()) {
      change.where = "in the command, where it counts unless " + use.value->unless_set + " is set";
    }
    if (use.value_span && !value.empty() && IsInPlace(*use.value_span)) {
      if (use.through.empty() && change.where.empty()) change.where = "in the command";
      if (!use.through.empty()) change.where = "at the assignment of " + use.through;
      Replace(*use.value_span, Quote(value), std::move(change));
      return;
    }
    ReplaceWhole(use, value, std::move(change));
  }

  // The flag's words as a whole, where its value has no bytes of its own.
  void ReplaceWhole(const FlagUse& use, const std::string& value, Change change) {
    const std::string text = Quote(value.empty() ? use.spelling : use.spelling + "=" + value);
    if (use.span.size() > 0 && IsInside(use.span, launch_.span)) {
      if (!use.through.empty()) change.where = "in place of $" + use.through;
      if (change.where.empty()) change.where = "in the command";
      Replace(use.span, text, std::move(change));
      return;
    }
    change.where = "added to the command, where it overrides the one before";
    Insert(text, std::move(change));
  }

  bool IsInPlace(Span span) const { return span.end <= text_.size() && span.begin <= span.end; }

  void Remove(const std::string& name) {
    for (const FlagUse& use : launch_.uses) {
      if (use.name != name || use.span.size() == 0) continue;
      Change change;
      change.kind = EditKind::kRemove;
      change.flag = use.spelling;
      if (use.value) change.before = use.value->text;
      change.where = use.through.empty() ? "in the command" : "at the assignment of " + use.through;
      // The blank before it goes too, so that no gap is left.
      Span span = use.span;
      if (span.begin > 0 && (text_[span.begin - 1] == ' ' || text_[span.begin - 1] == '\t')) {
        --span.begin;
      } else if (span.end < text_.size() && text_[span.end] == ' ') {
        ++span.end;
      }
      Replace(span, "", std::move(change));
    }
  }

  Status Rename(const FlagUse* use, const std::string& name, const std::string& spelling) {
    if (use == nullptr) return UsageError("the command has no flag --" + name);
    Change change;
    change.kind = EditKind::kRename;
    change.flag = spelling;
    change.before = use->spelling;
    change.after = spelling;
    change.where = "in the command";
    if (use->name_span.size() > 0) {
      Replace(use->name_span, spelling, std::move(change));
    } else if (use->value && use->value->text && !use->value_in_next_word) {
      Replace(use->span, Quote(spelling + "=" + *use->value->text), std::move(change));
    } else {
      return UsageError(use->spelling + " cannot be renamed where it stands");
    }
    return {};
  }

  void Add(const FlagEdit& edit) {
    Change change;
    change.flag = edit.spelling.empty() ? "--" + edit.name : edit.spelling;
    if (!edit.value.empty()) change.after = edit.value;
    change.where = "added to the command";
    const std::string text =
        Quote(edit.value.empty() ? change.flag : change.flag + "=" + edit.value);
    Insert(text, std::move(change));
  }

  void Insert(const std::string& text, Change change) {
    const std::string separator =
        inserted_ && launch_.insert_separator == " -- " ? " " : launch_.insert_separator;
    inserted_ = true;
    Replace({launch_.insert_at, launch_.insert_at}, separator + text, std::move(change));
  }

  std::string_view text_;
  const Launch& launch_;
  std::vector<Replacement> replacements_;
  std::vector<Change> changes_;
  bool inserted_ = false;
};

}  // namespace

Result<Edited> EditLaunch(const LaunchScript& script, const Launch& launch,
                          std::span<const FlagEdit> edits) {
  Editor editor(script, launch);
  for (const FlagEdit& edit : edits) {
    if (const Status status = editor.Apply(edit); !status) {
      return tl::make_unexpected(status.error());
    }
  }
  return editor.Finish();
}

Result<Edited> SetEnvironment(const LaunchScript& script, const Launch& launch,
                              std::string_view name, std::string_view value) {
  Editor editor(script, launch);
  editor.SetVariable(name, value);
  return editor.Finish();
}

}  // namespace vramcast::command
