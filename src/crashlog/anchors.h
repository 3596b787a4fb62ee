// The sieve before all precise reading: finds the few words that every message about memory
// contains, at memory speed, so that a long log costs little where nothing happened.
#pragma once

#include <cstddef>
#include <string_view>

namespace vramcast::crashlog {

// The first place at or after `from` and before `limit` where one of the anchors begins (an anchor
// may end behind `limit`); `limit` if there is none. Letters match in either case.
size_t FindAnchor(std::string_view text, size_t from, size_t limit);

// How many line feeds `text` has.
size_t CountLines(std::string_view text);

}  // namespace vramcast::crashlog
