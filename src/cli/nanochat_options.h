// The flags that describe a run of nanochat and the card it shall run on, shared by `forecast` and
// `fit`: in nanochat's spelling with dashes, and with underscores.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "forecast/forecast.h"

namespace vramcast::cli {

class FlagTable;

class NanochatOptions {
 public:
  void Declare(FlagTable& flags);

  // What the flags say, without a launch command. Notes tell how they were understood.
  Result<forecast::Request> Request(std::vector<std::string>* notes) const;
  // The flags that were given, over those of a launch.
  Status Apply(nanochat::Flags* flags) const;

  bool names_card() const { return !gpu_.empty(); }
  const std::string& checkout() const { return checkout_; }
  bool names_revision() const { return !Given("revision").empty() || !checkout_.empty(); }

 private:
  const std::string& Given(const std::string& name) const;

  std::map<std::string, std::string> values_;  // by Python name; empty: not given
  bool fp8_ = false;
  bool no_calibration_ = false;
  std::string gpu_, other_processes_, margin_, checkout_, alloc_conf_;
};

}  // namespace vramcast::cli
