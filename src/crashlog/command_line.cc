#include "crashlog/command_line.h"

#include <re2/re2.h>

#include "base/text.h"

namespace vramcast::crashlog {

std::optional<std::string> CommandOf(std::string_view line) {
  // Cheap first: every command names a script or a module.
  if (line.find(".py") == std::string_view::npos && line.find(" -m ") == std::string_view::npos &&
      line.find(".sh") == std::string_view::npos && line.find("launch") == std::string_view::npos) {
    return std::nullopt;
  }
  // An optional prompt ("user@host:~$ ", "(venv) %", "!", "Running command: "), then assignments
  // and the launcher.
  static const RE2 kCommand(
      R"re(^\s*(?:[^"'=]{0,120}?[$%#❯➜]\s+|!|%|(?i:(?:running|executing|command|cmd|launch(?:ing)?)(?: command)?)\s*[:=]\s*)?((?:(?:export\s+)?[A-Z_][A-Z0-9_]*=(?:"[^"]*"|'[^']*'|\S*)\s+)*(?:(?:nohup|time|sudo|env|exec|srun|mpirun|uv|poetry|conda|run|numactl|stdbuf)\s+(?:-\S+\s+)*){0,4}(?:\S*/)?(?:python[0-9.]*|torchrun|accelerate|deepspeed|colossalai|composer|bash|sh)\s+\S.*)$)re");
  static const RE2 kTarget(R"((?:\.py\b|\s-m\s+\w|\.sh\b|\blaunch\b))");
  std::string command;
  if (!RE2::FullMatch(re2::StringPiece(line.data(), line.size()), kCommand, &command) ||
      !RE2::PartialMatch(command, kTarget)) {
    return std::nullopt;
  }
  return std::string(Trim(command));
}

}  // namespace vramcast::crashlog
