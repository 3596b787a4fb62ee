#include "cli/flag_table.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <vector>

namespace vramcast::cli {
namespace {

// CLI11's own check prints the largest double with all its digits when it refuses.
CLI::Validator AtLeast(double least, const char* name) {
  return CLI::Validator(
      [least](const std::string& text) {
        double number = 0;
        return CLI::detail::lexical_cast(text, number) && number >= least
                   ? std::string()
                   : fmt::format("{} is not a number of at least {}", text, least);
      },
      name);
}

}  // namespace

const Flag& Flag::Required() const {
  option_->required();
  return *this;
}

const Flag& Flag::Excludes(const Flag& other) const {
  option_->excludes(other.option_);
  return *this;
}

const Flag& Flag::Takes(int values) const {
  option_->expected(values);
  return *this;
}

const Flag& Flag::TakesAny() const {
  option_->expected(0, 1 << 20);
  return *this;
}

const Flag& Flag::Within(int64_t least, int64_t most) const {
  option_->check(CLI::Range(least, most));
  return *this;
}

const Flag& Flag::Positive() const {
  option_->check(AtLeast(1, "POSITIVE"));
  return *this;
}

const Flag& Flag::NonNegative() const {
  option_->check(AtLeast(0, "NONNEGATIVE"));
  return *this;
}

bool Flag::Given() const { return option_->count() > 0; }

template <typename T>
Flag FlagTable::Value(const std::string& names, T& into, const std::string& help) {
  return Flag(app_.add_option(names, into, help));
}

Flag FlagTable::Switch(const std::string& names, bool& into, const std::string& help) {
  return Flag(app_.add_flag(names, into, help));
}

bool FlagTable::Given(const std::string& name) const {
  const CLI::Option* option = app_.get_option_no_throw(name);
  return option != nullptr && option->count() > 0;
}

std::string FlagTable::Text(const std::string& name, const std::string& otherwise) const {
  return Given(name) ? app_.get_option(name)->as<std::string>() : otherwise;
}

template Flag FlagTable::Value(const std::string&, std::string&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::vector<std::string>&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::optional<std::string>&, const std::string&);
template Flag FlagTable::Value(const std::string&, int&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::optional<int>&, const std::string&);
template Flag FlagTable::Value(const std::string&, int64_t&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::optional<int64_t>&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::vector<int64_t>&, const std::string&);
template Flag FlagTable::Value(const std::string&, size_t&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::optional<size_t>&, const std::string&);
template Flag FlagTable::Value(const std::string&, double&, const std::string&);
template Flag FlagTable::Value(const std::string&, std::optional<double>&, const std::string&);

}  // namespace vramcast::cli
