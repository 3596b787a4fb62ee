#include "cli/write_in_place.h"

#include <filesystem>
#include <fstream>
#include <system_error>

namespace vramcast::cli {
namespace {

namespace fs = std::filesystem;

fs::path OriginalOf(const std::string& path) { return path + ".orig"; }

Status WriteOne(const std::string& path, const std::string& text) {
  std::error_code error;
  const fs::path file = fs::canonical(path, error);
  const fs::path original = OriginalOf(path);
  if (!fs::copy_file(file, original, fs::copy_options::none, error)) {
    return UnreadableError("cannot write " + original.string() + ": " + error.message());
  }
  const fs::path fresh = file.string() + ".vramcast-new";
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) return UnreadableError("cannot write " + fresh.string());
  }
  fs::permissions(fresh, fs::status(file, error).permissions(), error);
  fs::rename(fresh, file, error);
  if (error) return UnreadableError("cannot write " + path + ": " + error.message());
  return {};
}

}  // namespace

Status WriteInPlace(std::span<const NewText> files) {
  for (const NewText& file : files) {
    std::error_code error;
    const fs::path original = OriginalOf(file.path);
    if (fs::exists(fs::symlink_status(original, error))) {
      return UsageError(original.string() +
                        " is there already and is never overwritten: move it away first");
    }
  }
  for (const NewText& file : files) {
    if (const Status status = WriteOne(file.path, file.text); !status) return status;
  }
  return {};
}

}  // namespace vramcast::cli
