#include <ostream>

#include "cli/verb.h"

namespace vramcast::cli {

Exit ExitFor(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return Exit::kUsage;
    case ErrorKind::kUnreadable:
      return Exit::kUnreadable;
    case ErrorKind::kMachine:
      return Exit::kMachine;
    case ErrorKind::kInternal:
      break;
  }
  return Exit::kDefect;
}

Output::Output(std::ostream& out, std::ostream& err, TextStyle style)
    : out_(out), err_(err), style_(style) {}

void Output::Print(const Document& document) { out_ << RenderText(document, style_); }

void Output::Note(std::string_view line) { err_ << "vramcast: " << line << '\n'; }

}  // namespace vramcast::cli
