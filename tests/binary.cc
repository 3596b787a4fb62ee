#include "binary.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

extern char** environ;

namespace vramcast::tests {
namespace {

struct Pipe {
  std::array<int, 2> ends = {-1, -1};
  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  void CloseRead() { Close(ends[0]); }
  void CloseWrite() { Close(ends[1]); }

 private:
  static void Close(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

bool Append(int fd, std::string* text) {
  std::array<char, 65536> buffer;
  const ssize_t got = read(fd, buffer.data(), buffer.size());
  if (got > 0) text->append(buffer.data(), static_cast<size_t>(got));
  return got > 0;
}

}  // namespace

nlohmann::json Outcome::Json() const { return nlohmann::json::parse(out, nullptr, false); }

namespace {

Outcome Run(const char* program, const std::vector<std::string>& arguments,
            const Options& options) {
  static const ScratchFolder kData;  // no test touches the history of who runs it
  signal(SIGPIPE, SIG_IGN);
  Pipe in, out, err;
  const pid_t child = fork();
  if (child == 0) {
    dup2(in.ends[0], STDIN_FILENO);
    dup2(out.ends[1], STDOUT_FILENO);
    dup2(err.ends[1], STDERR_FILENO);
    signal(SIGPIPE, SIG_DFL);
    setenv("VRAMCAST_DATA_DIR", kData.path().c_str(), 1);
    for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
    if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
    setenv("VRAMCAST", VRAMCAST_BINARY, 1);
    std::vector<char*> argv = {const_cast<char*>(program)};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(program, argv.data());
    _exit(127);
  }
  in.CloseRead();
  out.CloseWrite();
  err.CloseWrite();
  fcntl(in.ends[1], F_SETFL, O_NONBLOCK);

  Outcome outcome;
  size_t written = 0;
  std::array<pollfd, 3> polled = {pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0},
                                  pollfd{in.ends[1], POLLOUT, 0}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    poll(polled.data(), polled.size(), -1);
    if (polled[0].revents != 0 && !Append(out.ends[0], &outcome.out)) polled[0].fd = -1;
    if (polled[1].revents != 0 && !Append(err.ends[0], &outcome.err)) polled[1].fd = -1;
    if (polled[2].fd >= 0 && polled[2].revents != 0) {
      const ssize_t put =
          write(in.ends[1], options.input.data() + written, options.input.size() - written);
      if (put > 0) written += static_cast<size_t>(put);
      if (put < 0 || written == options.input.size()) {
        in.CloseWrite();
        polled[2].fd = -1;
      }
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace

Outcome RunVramcast(const std::vector<std::string>& arguments, const Options& options) {
  return Run(VRAMCAST_BINARY, arguments, options);
}

Outcome RunShell(const std::string& script, const Options& options) {
  return Run("/bin/sh", {"-c", script}, options);
}

ScratchFolder::ScratchFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "vramcast-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::Write(const std::string& name, const std::string& content) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
  return path.string();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<std::string> DataFolder() {
  const char* named = std::getenv("VRAMCAST_DATA");
  const std::string folder = named != nullptr ? named : VRAMCAST_SOURCE_DIR "/../shared";
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

}  // namespace vramcast::tests
