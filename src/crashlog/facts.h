// Reads what a run prints about itself, line by line: settings, steps, memory, the command.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "crashlog/passage.h"
#include "crashlog/report.h"

namespace vramcast::crashlog {

class FactReader {
 public:
  // Adds to `report`. Settings of a run that died stay: `frozen` keeps what later runs in the same
  // file print from replacing them.
  void Read(std::span<const CleanLine> lines, Place start, bool frozen, LogReport& report);

 private:
  std::string command_;  // begun, goes on in the next line
  Place command_place_;
};

}  // namespace vramcast::crashlog
