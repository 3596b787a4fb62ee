// A folder for what a run needs only while it lasts. A child's guardian removes it if this process
// is killed; should that be killed too, the name carries this process's id, so that a later run
// can.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace vramcast::dryrun {

class Scratch {
 public:
  static Result<Scratch> Make();  // kMachine: no place, or no room
  ~Scratch();
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;

  const std::filesystem::path& path() const { return path_; }

  static std::vector<std::string> Alive();  // all folders that this process has at the moment

 private:
  explicit Scratch(std::filesystem::path path);

  std::filesystem::path path_;
};

}  // namespace vramcast::dryrun
