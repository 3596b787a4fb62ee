// Lines of a program that are known to keep tensors alive longer than their author thinks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/case.h"

namespace vramcast::diagnosis {

struct Suspect {
  Evidence line;
  std::string_view why;  // "keeps the whole graph of every step: append loss.item()"
};

// Among the lines of code that the log quotes.
std::vector<Suspect> FindSuspects(const Case& c);

}  // namespace vramcast::diagnosis
