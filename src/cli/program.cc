// The program: finds the verb, lets CLI11 read its flags, runs it, and turns errors into exit
// codes.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <span>

#include "base/text.h"
#include "cli/flag_table.h"
#include "cli/verb.h"
#include "cli/verbs.h"

namespace vramcast::cli {
namespace {

constexpr std::string_view kDefaultVerb = "check";

TextStyle StyleOfTerminal() {
  const char* no_colour = std::getenv("NO_COLOR");
  return {.width = 80,
          .colour = isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0')};
}

std::string Help(const std::vector<std::unique_ptr<Verb>>& verbs) {
  std::string text =
      "vramcast: will it fit on the GPU, why did it run out of memory, and which\n"
      "command fixes it.\n\n"
      "usage: vramcast [VERB] [FLAGS] [-- COMMAND]      (no verb: check)\n\n";
  for (const auto& verb : verbs) {
    text += fmt::format("  {:<10} {}\n", verb->name(), verb->description());
  }
  return text +
         "\n  vramcast VERB --help lists a verb's flags; every verb has --json and --explain.\n"
         "  Exit codes: 0 yes or done, 1 bad news, 2 wrong usage, 3 unreadable input,\n"
         "  4 this machine lacks what is needed, 5 a defect of vramcast.\n";
}

// "--seq-len" -> " (did you mean --max-seq-len?)", from the flags that the verb declares.
std::string FlagSuggestion(const CLI::App& app, const std::string& flag) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  const std::string wanted(
      Trim(flag.substr(0, flag.find('='))).substr(flag.rfind("--", 0) == 0 ? 2 : 0));
  for (const std::string& name : names) {
    if (name.size() > wanted.size() && name.ends_with("-" + wanted)) {
      return fmt::format(" (did you mean --{}?)", name);
    }
  }
  const auto near = Nearest(wanted, names);
  return near ? fmt::format(" (did you mean --{}?)", *near) : "";
}

Exit Parse(CLI::App& app, std::vector<std::string> arguments, Output& output, bool* done) {
  *done = true;
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them last first
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    output.out() << app.help();
    return Exit::kYes;
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining(true);
    const auto flag = std::find_if(extras.begin(), extras.end(),
                                   [](const std::string& word) { return word.starts_with('-'); });
    const std::string& shown = flag == extras.end() ? extras.front() : *flag;
    output.Note(fmt::format("unknown {} {}{}", flag == extras.end() ? "argument" : "flag", shown,
                            flag == extras.end() ? "" : FlagSuggestion(app, shown)));
    return Exit::kUsage;
  } catch (const CLI::ParseError& error) {
    output.Note(error.what());
    return Exit::kUsage;
  }
  *done = false;
  return Exit::kYes;
}

Exit RunVerb(Verb& verb, std::vector<std::string> arguments,
             const std::vector<std::string>& command, Output& output) {
  CLI::App app(std::string(verb.description()), fmt::format("vramcast {}", verb.name()));
  app.get_formatter()->column_width(34);
  FlagTable flags(app);
  verb.Declare(flags);
  bool done = false;
  const Exit parsed = Parse(app, std::move(arguments), output, &done);
  if (done) return parsed;
  const Result<Exit> result = verb.Run(command, output);
  if (result) return *result;
  const Error& error = result.error();
  output.Note(error.offset ? fmt::format("{} (at byte {})", error.message, *error.offset)
                           : error.message);
  return ExitFor(error.kind);
}

Exit Dispatch(std::span<const char* const> words, Output& output) {
  std::vector<std::string> arguments(words.begin(), words.end());
  std::vector<std::string> command;
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes != arguments.end()) {
    command.assign(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
  }
  const std::vector<std::unique_ptr<Verb>> verbs = AllVerbs();
  const bool named = !arguments.empty() && !arguments.front().starts_with('-');
  if (!arguments.empty() &&
      (arguments.front() == "--help" || arguments.front() == "-h" || arguments.front() == "help")) {
    output.out() << Help(verbs);
    return Exit::kYes;
  }
  if (!arguments.empty() && arguments.front() == "--version") {
    output.out() << "vramcast " << VRAMCAST_VERSION << '\n';
    return Exit::kYes;
  }
  const std::string wanted = named ? arguments.front() : std::string(kDefaultVerb);
  if (named) arguments.erase(arguments.begin());
  std::vector<std::string> names;
  for (const auto& verb : verbs) {
    if (verb->name() == wanted) return RunVerb(*verb, std::move(arguments), command, output);
    names.emplace_back(verb->name());
  }
  const auto near = Nearest(wanted, names);
  output.Note(fmt::format(
      "unknown verb '{}'{}", wanted,
      near ? fmt::format(" (did you mean {}?)", *near) : "; vramcast --help lists them"));
  return Exit::kUsage;
}

}  // namespace

int Main(int argc, const char* const* argv) {
  std::ios::sync_with_stdio(false);
  Output output(std::cout, std::cerr, StyleOfTerminal());
  Exit exit = Exit::kDefect;
  // The one wall that catches what third-party code throws.
  try {
    exit = Dispatch(std::span(argv + 1, static_cast<size_t>(std::max(argc, 1) - 1)), output);
  } catch (const std::exception& error) {
    output.Note(fmt::format("a defect of vramcast: {}", error.what()));
  }
  std::cout.flush();
  return static_cast<int>(exit);
}

}  // namespace vramcast::cli
