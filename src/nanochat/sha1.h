// SHA-1, by which git names file contents: it tells which upstream version a file is. Not for
// anything that has to resist an attacker.
#pragma once

#include <string>
#include <string_view>

namespace vramcast::nanochat {

// 40 hex digits (FIPS 180-4).
std::string Sha1(std::string_view data);

// What git calls a file with this content: the SHA-1 of "blob SIZE\0" and the content.
std::string GitBlobHash(std::string_view content);

}  // namespace vramcast::nanochat
