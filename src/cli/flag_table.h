// The flags of a verb as a table: names, where the value goes, one line of help. CLI11 parses them,
// behind this header alone: it is large, and every file that includes it takes seconds to compile.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace vramcast::cli {

// One declared flag, to narrow what it accepts and to ask later whether it was given.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  const Flag& Required() const;
  const Flag& Excludes(const Flag& other) const;
  const Flag& Takes(int values) const;                    // exactly so many
  const Flag& TakesAny() const;                           // any number, none too
  const Flag& Within(int64_t least, int64_t most) const;  // both included
  const Flag& Positive() const;
  const Flag& NonNegative() const;
  bool Given() const;  // after parsing

 private:
  CLI::Option* option_;
};

class FlagTable {
 public:
  explicit FlagTable(CLI::App& app) : app_(app) {}

  // `names`: "--a,--b", or a bare word for what stands without a flag. T: the types that
  // flag_table.cc lists.
  template <typename T>
  Flag Value(const std::string& names, T& into, const std::string& help);
  Flag Switch(const std::string& names, bool& into, const std::string& help);

  bool Given(const std::string& name) const;  // false for a flag that no one declared
  // What was given for `name`, as it was typed; `otherwise` where it was not.
  std::string Text(const std::string& name, const std::string& otherwise) const;

 private:
  CLI::App& app_;
};

}  // namespace vramcast::cli
