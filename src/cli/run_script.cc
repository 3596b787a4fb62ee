#include "cli/run_script.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "cli/fix_source.h"
#include "command/launch.h"
#include "command/quote.h"
#include "command/shell.h"

namespace vramcast::cli {
namespace {

// The words of a text that is one plain command, quotes and nothing else.
std::optional<std::vector<std::string>> PlainWords(const std::string& text) {
  const command::Script script = command::ParseScript(text);
  if (script.commands.size() != 1) return std::nullopt;
  const command::Command& only = script.commands.front();
  if (only.kind != command::CommandKind::kSimple || !only.assignments.empty()) return std::nullopt;
  std::vector<std::string> words;
  for (const command::Word& word : only.words) {
    if (!word.is_literal()) return std::nullopt;
    words.push_back(word.literal());
  }
  if (words.empty() || command::QuoteCommand(words) != text) return std::nullopt;
  return words;
}

std::vector<std::string> Through(const std::string& text) {
  if (auto words = PlainWords(text)) return *std::move(words);
  const char* shell = access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
  return {shell, "-c", text};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

// The script that `argv` runs, as it stands there: `bash runs/speedrun.sh`, `./speedrun.sh`.
std::string ScriptIn(const std::vector<std::string>& argv, const std::string& text) {
  const command::LaunchScript script = command::ReadLaunches(text);
  if (!script.launches.empty()) return "";
  if (script.scripts.size() == 1) {
    const std::string& path = script.scripts.front();
    return std::find(argv.begin(), argv.end(), path) == argv.end() ? "" : path;
  }
  std::ifstream file(argv.front(), std::ios::binary);
  std::string first;
  const bool shell = argv.front().find('/') != std::string::npos && std::getline(file, first) &&
                     first.starts_with("#!") && first.find("sh") != std::string::npos;
  return shell ? argv.front() : "";
}

}  // namespace

Asked ReadAsked(const std::vector<std::string>& argv) {
  Asked asked{argv, command::QuoteCommand(argv), ""};
  const std::string path = ScriptIn(argv, asked.text);
  if (path.empty()) return asked;
  if (auto text = ReadScriptFile(path)) {
    asked.text = *std::move(text);
    asked.script = path;
  }
  return asked;
}

Result<Startable> Startable::Of(const Asked& asked, const std::string& text) {
  Startable startable;
  startable.argv_ = asked.argv;
  if (text == asked.text) return startable;
  if (asked.script.empty()) {
    startable.argv_ = Through(text);
    return startable;
  }
  const std::filesystem::path original(asked.script);
  std::string path =
      (original.parent_path() / fmt::format(".vramcast-XXXXXX-{}", original.filename().string()))
          .string();
  const int fd = mkstemps(path.data(), static_cast<int>(original.filename().string().size()) + 1);
  if (fd < 0) {
    return MachineError(
        fmt::format("cannot write a corrected copy beside {}: {}", asked.script, strerror(errno)));
  }
  startable.copy_ = path;
  struct stat status;
  if (stat(asked.script.c_str(), &status) == 0) fchmod(fd, status.st_mode & 07777);
  const bool written = WriteAll(fd, text);
  const int reason = errno;
  if (close(fd) != 0 || !written) {
    return MachineError(
        fmt::format("cannot write a corrected copy beside {}: {}", asked.script, strerror(reason)));
  }
  *std::find(startable.argv_.begin(), startable.argv_.end(), asked.script) = path;
  return startable;
}

Startable::Startable(Startable&& other) noexcept
    : argv_(std::move(other.argv_)), copy_(std::exchange(other.copy_, {})) {}

Startable::~Startable() {
  std::error_code ignored;
  if (!copy_.empty()) std::filesystem::remove(copy_, ignored);
}

}  // namespace vramcast::cli
