#include "dryrun/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace vramcast::dryrun {
namespace fs = std::filesystem;

Result<std::string> ReadWhole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return UnreadableError(fmt::format("cannot read {}", path.string()));
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

Status WriteWhole(const fs::path& path, std::string_view bytes) {
  const fs::path part = fmt::format("{}.{}.part", path.string(), getpid());
  std::ofstream file(part, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  std::error_code error;
  if (file) fs::rename(part, path, error);
  if (!file || error) {
    const std::string why = error ? error.message() : std::strerror(errno);
    fs::remove(part, error);
    return MachineError(fmt::format("cannot write {}: {}", path.string(), why));
  }
  return {};
}

Result<MappedFile> MappedFile::Open(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    const std::string why = std::strerror(errno);
    if (descriptor >= 0) close(descriptor);
    return UnreadableError(fmt::format("cannot read {}: {}", path.string(), why));
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* address = size == 0 ? nullptr : mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (address == MAP_FAILED) return UnreadableError(fmt::format("cannot map {}", path.string()));
  return MappedFile(std::span(static_cast<const uint8_t*>(address), size));
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace vramcast::dryrun
