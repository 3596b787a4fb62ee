// A Case is one event with all that the log shows around it, in the form that rules and remedies
// ask for. Making it is the only place that knows how a log is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crashlog/event.h"
#include "diagnosis/ballot.h"
#include "diagnosis/figures.h"
#include "diagnosis/log.h"

namespace vramcast::diagnosis {

// Refers to the Log that it was made of, which must outlive it.
struct Case {
  const Log* log = nullptr;
  const crashlog::OomEvent* event = nullptr;
  const std::vector<Line>* lines = nullptr;  // around the message
  std::string source;                        // "run.log:812": of the message

  Figures figures;
  bool loading_weights = false;      // weights on their way to the card
  bool serving = false;              // a server, or inference at all: no training
  bool no_grad = false;              // no_grad or inference_mode is on the stack
  bool expandable_segments = false;  // switched on already
  bool nanochat = false;             // the program is nanochat, by what it printed or its files
  // One request is one tensor. Not so for XLA, which asks for a whole program's buffers at once,
  // and for servers that name the share they want.
  bool one_request_is_one_tensor = true;
  // The longest series of memory samples of one kind that the run printed, oldest first.
  std::vector<Bytes> memory_series;
  std::string memory_source;
  std::optional<Evidence> progress;  // how far the run had come, as evidence
};

Case MakeCase(const Log& log, size_t event);

// The first line near the event that `pattern` (RE2, any case) matches, as evidence; the message
// and the code of its frames are looked at too.
std::optional<Evidence> Quote(const Case& c, std::string_view pattern);
bool Mentions(const Case& c, std::string_view pattern);
// The name of the framework that wrote the message matches.
bool MatchesFramework(const Case& c, std::string_view pattern);

}  // namespace vramcast::diagnosis
