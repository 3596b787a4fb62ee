// A folder for what a run needs only while it lasts. Its name carries this process's id, so that a
// later run can clear what one that was ended by force left.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace vramcast::dryrun {

class Scratch {
 public:
  static Result<Scratch> Make();  // kMachine: no place, or no room
  ~Scratch();
  Scratch(Scratch&& other) noexcept;
  Scratch& operator=(Scratch&&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace vramcast::dryrun
