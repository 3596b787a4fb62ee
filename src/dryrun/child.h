// Child processes: one that answers a question, and one that is a user's whole program. Neither
// leaves anything running behind.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace vramcast::dryrun {

using Environment = std::map<std::string, std::string>;
Environment CurrentEnvironment();

// The program that a shell would run for `name` with the PATH of `environment`; empty if none.
std::string FindProgram(const std::string& name, const Environment& environment);

struct Ending {
  int code = 0;              // exit code, or 128 + signal
  int signal = 0;            // 0: ended by itself
  bool interrupted = false;  // vramcast was asked to stop (SIGINT, SIGTERM, SIGHUP)
  std::string output;        // where it was captured
};

// Runs to its end and captures standard output; standard error goes nowhere.
Result<Ending> Ask(const std::vector<std::string>& arguments, const Environment& environment);

// Runs a program; whatever it started is ended with it, or when vramcast is asked to stop or
// killed. With `output_to_error` its standard output goes to standard error.
Result<Ending> RunProgram(const std::vector<std::string>& arguments, const Environment& environment,
                          bool output_to_error);

}  // namespace vramcast::dryrun
