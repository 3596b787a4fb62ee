// Files and folders as a dry run needs them: read whole, mapped, written in one piece.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast::dryrun {

Result<std::string> ReadWhole(const std::filesystem::path& path);

// Written beside its place and renamed, so that nobody sees half a file. kMachine (a full disk, no
// permission) on failure.
Status WriteWhole(const std::filesystem::path& path, std::string_view bytes);

// A file in memory for as long as the object lives.
class MappedFile {
 public:
  static Result<MappedFile> Open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  std::span<const uint8_t> bytes_;
};

}  // namespace vramcast::dryrun
