// Changing files of the user's: the new text takes a file's place in one step, and the original
// stays beside it.
#pragma once

#include <span>
#include <string>

#include "base/result.h"

namespace vramcast::cli {

struct NewText {
  std::string path;
  std::string text;
};

// Writes each text over its file, whose old content becomes PATH.orig. Usage error, before anything
// is written, if a PATH.orig is there already.
Status WriteInPlace(std::span<const NewText> files);

}  // namespace vramcast::cli
