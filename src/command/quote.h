// Arguments that a shell has already taken apart, put back into one line that means the same.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vramcast::command {

// `word` as bash (and zsh) must see it to mean exactly these bytes: as it is if nothing in it is
// special, else in '…', or $'…' where it has control characters.
std::string Quote(std::string_view word);

// A command line from argv. Leading NAME=value arguments stay assignments.
std::string QuoteCommand(std::span<const std::string> argv);

}  // namespace vramcast::command
