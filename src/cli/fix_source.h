// Where `fix` gets the command from, and what the place it came from says beside it: a log names
// the card, the step and the sizes, a checkout names the revision.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crashlog/report.h"
#include "gpu/card.h"
#include "nanochat/config.h"
#include "nanochat/revision.h"

namespace vramcast::cli {

struct FixArguments {
  std::vector<std::string> argv;  // after "--"
  std::string command, script, in_place, log;
  std::string gpu, revision, nanochat;
  std::string other_processes, margin;
};

// What a log tells about the run that died.
struct DeadRun {
  std::string file;
  std::optional<int64_t> step;  // the last one printed
  bool gpu_memory = false;      // it did die for want of GPU memory
  std::optional<std::string> gpu_name;
  std::optional<Bytes> total, other_processes;
  std::optional<std::string> commit;
};

struct FixSource {
  enum class Kind : uint8_t { kCommand, kScript };
  Kind kind = Kind::kCommand;
  std::string text;
  std::string file;  // of kScript
  std::optional<DeadRun> dead;
  nanochat::Flags known;           // settings that the log shows and the command may leave out
  std::vector<std::string> notes;  // how it was understood
};

// Usage error unless exactly one of the sources is named (a log may come with a command), or if a
// log shows no command; unreadable error for files.
Result<FixSource> ReadFixSource(const FixArguments& arguments);

// The same of a command that was started here, from what it printed. Unreadable error: it names a
// script that cannot be read.
Result<FixSource> SourceOfRun(const std::string& command, const crashlog::LogReport& output);

// The revision: asked for, of a checkout, of the log, or by how the flags are written.
struct FixRevision {
  nanochat::Revision revision;
  std::string origin;  // "--revision", "the checkout in DIR", "the flags in the command", …
};
Result<FixRevision> FindFixRevision(const FixArguments& arguments, const FixSource& source);

// The card: asked for, of the log, or the smallest of this machine.
struct FixCard {
  std::optional<gpu::Card> card;
  std::optional<Bytes> total;
  Bytes other_processes;
  std::string name;
  std::vector<std::string> notes;
};
// Usage error if a name or size is not understood; machine error if nothing names a card and this
// machine has none.
Result<FixCard> FindFixCard(const FixArguments& arguments, const FixSource& source);

// The command that a log shows, or one with the sizes that nanochat printed; nothing if it has
// neither.
struct LoggedLaunch {
  std::string text;
  bool reconstructed = false;  // put together from the sizes
};
std::optional<LoggedLaunch> LaunchInLog(const crashlog::LogReport& report);

// A file of at most 4 MiB; unreadable error otherwise.
Result<std::string> ReadScriptFile(const std::string& path);

}  // namespace vramcast::cli
