// A verb of the command line: a name, one line of description, its flags as data and what it does.
// Help, parsing, suggestions and completion come from the one table in verbs.h.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "report/document.h"

namespace vramcast::cli {

class FlagTable;

// Exit codes, as README.md tells them.
enum class Exit : int {
  kYes = 0,
  kBadNews = 1,
  kUsage = 2,
  kUnreadable = 3,
  kMachine = 4,
  kDefect = 5
};
Exit ExitFor(ErrorKind kind);

// Where a verb's output goes. Only the cli room prints.
class Output {
 public:
  Output(std::ostream& out, std::ostream& err, TextStyle style);

  std::ostream& out() { return out_; }  // raw: JSON and streams of lines
  std::ostream& err() { return err_; }
  void Print(const Document& document);  // text form on standard output
  void Note(std::string_view line);      // a remark on standard error

 private:
  std::ostream& out_;
  std::ostream& err_;
  TextStyle style_;
};

class Verb {
 public:
  virtual ~Verb() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view description() const = 0;
  // Declares the verb's flags; CLI11 stores their values in members.
  virtual void Declare(FlagTable& flags) = 0;
  // What stood after a lone "--" is in `command`. An Error is printed and turned into its exit
  // code.
  virtual Result<Exit> Run(const std::vector<std::string>& command, Output& output) = 0;
};

// All verbs, in the order of `vramcast --help`.
std::vector<std::unique_ptr<Verb>> AllVerbs();

// The whole program: argv in, exit code out. Catches what third-party code throws (exit code 5).
int Main(int argc, const char* const* argv);

}  // namespace vramcast::cli
