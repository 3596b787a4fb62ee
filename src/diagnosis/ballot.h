// A Ballot collects what every rule says for and against each cause. Rules do not know each other:
// each states one mechanism with its evidence and a weight, and the sum decides.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "diagnosis/cause.h"

namespace vramcast::diagnosis {

// A quoted line or a number, and where it comes from.
struct Evidence {
  std::string text;
  std::string source;  // "run.log:812", "computed", "forecast", "command"
  bool operator==(const Evidence&) const = default;
};

struct Finding {
  Cause cause = Cause::kUnknown;
  double confidence = 0;  // 0 to 1; the confidences of all causes of an event sum to at most 1
  std::vector<Evidence> evidence;
};

// Weights are log-odds: a cause with 2 more than another is about 7 times as likely.
inline constexpr double kHint = 1;      // more often so than not
inline constexpr double kClear = 2;     // the usual reading of this sign
inline constexpr double kStrong = 4;    // the numbers allow hardly anything else
inline constexpr double kDecisive = 8;  // the message itself says so

class Ballot {
 public:
  // A negative weight speaks against the cause. Evidence may be empty (a prior, or counter-evidence
  // that needs no quotation).
  void Add(Cause cause, double weight, std::vector<Evidence> evidence = {});

  // Best first; only causes that some rule spoke for. Never empty: kUnknown if nothing else stands.
  std::vector<Finding> Count() const;

 private:
  struct Entry {
    double weight = 0;
    bool named = false;  // some rule spoke for it
    std::vector<Evidence> evidence;
  };
  std::array<Entry, kCauseCount> entries_;
};

}  // namespace vramcast::diagnosis
