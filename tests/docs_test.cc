// The documentation shows real output: every ```console block is run again and compared. A line "…"
// stands for any lines. With VRAMCAST_UPDATE_DOCS=1 blocks without "…" are rewritten instead.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "binary.h"

namespace vramcast::tests {
namespace {

using Lines = std::vector<std::string>;

Lines SplitLines(const std::string& text) {
  Lines lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Commands run as typed, in docs/examples, with "./run" and "vramcast" both meaning the binary.
Lines OutputOf(const std::string& command) {
  static const ScratchFolder data;  // a history and other things of a person who has none
  const std::string script =
      "export VRAMCAST_DATA_DIR='" + data.path() +
      "'; cd '" VRAMCAST_SOURCE_DIR "/docs/examples' || exit; vramcast() { '" VRAMCAST_BINARY
      "' \"$@\"; }; " +
      (command.starts_with("./run") ? "vramcast" + command.substr(5) : command) + " 2>&1";
  FILE* pipe = popen(script.c_str(), "r");
  std::string text;
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, got);
  pclose(pipe);
  return SplitLines(text);
}

bool IsRunnable(const std::string& line) {
  return line.starts_with("$ vramcast ") || line.starts_with("$ ./run ");
}

bool Matches(const Lines& shown, size_t i, const Lines& real, size_t j) {
  if (i == shown.size()) return j == real.size();
  if (shown[i] == "…") {
    for (size_t k = j; k <= real.size(); ++k) {
      if (Matches(shown, i + 1, real, k)) return true;
    }
    return false;
  }
  return j < real.size() && shown[i] == real[j] && Matches(shown, i + 1, real, j + 1);
}

std::string Text(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

void CheckPage(const std::filesystem::path& page) {
  const bool update = std::getenv("VRAMCAST_UPDATE_DOCS") != nullptr;
  const Lines lines = SplitLines(ReadFile(page.string()));
  Lines rewritten;
  bool in_console = false;
  for (size_t i = 0; i < lines.size();) {
    if (lines[i].starts_with("```")) in_console = lines[i] == "```console";
    rewritten.push_back(lines[i]);
    if (!in_console || !IsRunnable(lines[i])) {
      ++i;
      continue;
    }
    std::string command = lines[i].substr(2);
    for (++i; command.ends_with('\\') && i < lines.size(); ++i) {
      command = command.substr(0, command.size() - 1) + lines[i];
      rewritten.push_back(lines[i]);
    }
    Lines shown;
    for (; i < lines.size() && !lines[i].starts_with("```") && !lines[i].starts_with("$ "); ++i) {
      shown.push_back(lines[i]);
    }
    const Lines real = OutputOf(command);
    const bool elided = std::find(shown.begin(), shown.end(), "…") != shown.end();
    if (!update || elided) {
      EXPECT_TRUE(Matches(shown, 0, real, 0)) << page << ": " << command << "\nprints now:\n"
                                              << Text(real);
    }
    const Lines& kept = update && !elided ? real : shown;
    rewritten.insert(rewritten.end(), kept.begin(), kept.end());
  }
  if (update) std::ofstream(page) << Text(rewritten);
}

TEST(Docs, ShowWhatTheProgramPrints) {
  CheckPage(VRAMCAST_SOURCE_DIR "/README.md");
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(VRAMCAST_SOURCE_DIR "/docs")) {
    if (entry.path().extension() == ".md") CheckPage(entry.path());
  }
}

}  // namespace
}  // namespace vramcast::tests
