#include "dryrun/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/text.h"
#include "dryrun/scratch.h"
#include "supervise/child.h"

extern char** environ;

namespace vramcast::dryrun {
namespace {

constexpr int kCannotRun = 127;  // as shells say it

constexpr std::chrono::seconds kPatience{5};  // between asking a program to stop and ending it

// Made before fork: nothing may be allocated between fork and exec.
struct Words {
  explicit Words(const std::vector<std::string>& arguments, const Environment& environment)
      : owned(arguments) {
    for (const auto& [name, value] : environment) settings.push_back(name + "=" + value);
    for (std::string& word : owned) argv.push_back(word.data());
    for (std::string& setting : settings) envp.push_back(setting.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
  }
  std::vector<std::string> owned, settings;
  std::vector<char*> argv, envp;
};

void Redirect(int from, const char* path, int flags) {
  const int descriptor = open(path, flags);
  if (descriptor >= 0 && descriptor != from) {
    dup2(descriptor, from);
    close(descriptor);
  }
}

Ending EndingOf(int status) {
  Ending ending;
  if (WIFSIGNALED(status)) {
    ending.signal = WTERMSIG(status);
    ending.code = 128 + ending.signal;
  } else {
    ending.code = WEXITSTATUS(status);
  }
  return ending;
}

}  // namespace

Environment CurrentEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view pair = *entry;
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos) {
      environment.emplace(pair.substr(0, equals), pair.substr(equals + 1));
    }
  }
  return environment;
}

std::string FindProgram(const std::string& name, const Environment& environment) {
  if (name.find('/') != std::string::npos) return access(name.c_str(), X_OK) == 0 ? name : "";
  const auto path = environment.find("PATH");
  if (path == environment.end()) return "";
  for (const std::string_view folder : Split(path->second, ':')) {
    std::string candidate = fmt::format("{}/{}", folder.empty() ? "." : folder, name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

Result<Ending> Ask(const std::vector<std::string>& arguments, const Environment& environment) {
  Words words(arguments, environment);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return MachineError("cannot make a pipe");
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    Redirect(STDIN_FILENO, "/dev/null", O_RDONLY);
    Redirect(STDERR_FILENO, "/dev/null", O_WRONLY);
    execve(words.argv[0], words.argv.data(), words.envp.data());
    _exit(kCannotRun);
  }
  close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t got = 0; child > 0 && (got = read(ends[0], buffer, sizeof buffer)) != 0;) {
    if (got > 0) output.append(buffer, static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  close(ends[0]);
  if (child < 0) return MachineError(fmt::format("cannot start {}", arguments.front()));
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Ending ending = EndingOf(status);
  ending.output = std::move(output);
  return ending;
}

Result<Ending> RunProgram(const std::vector<std::string>& arguments, const Environment& environment,
                          bool output_to_error) {
  supervise::ChildOptions options;
  options.argv = arguments;
  options.environment.assign(environment.begin(), environment.end());
  options.output_to_stderr = output_to_error;
  options.grace = kPatience;
  options.scratch = Scratch::Alive();
  const auto ended = supervise::RunChild(options, {});
  if (!ended) return MachineError(ended.error().message);
  Ending ending;
  ending.code = ended->code;
  ending.signal = ended->signal;
  ending.interrupted = ended->interrupted;
  return ending;
}

}  // namespace vramcast::dryrun
