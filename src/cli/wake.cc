#include "cli/wake.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace vramcast::cli {
namespace {

std::array<volatile sig_atomic_t, 65> came{};
std::array<int, 2> ends = {-1, -1};

void Catch(int signal) {
  const int before = errno;
  came[static_cast<size_t>(signal)] = 1;
  const char byte = 's';
  [[maybe_unused]] const ssize_t put = write(ends[1], &byte, 1);
  errno = before;
}

}  // namespace

struct Wake::Saved {
  std::vector<std::pair<int, struct sigaction>> actions;
};

Wake::Wake(std::initializer_list<int> signals) : saved_(new Saved) {
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) ends = {-1, -1};
  for (const int signal : signals) {
    came[static_cast<size_t>(signal)] = 0;
    struct sigaction action {};
    action.sa_handler = Catch;
    struct sigaction before {};
    sigaction(signal, nullptr, &before);
    // What nohup or a shell's & has set to be ignored stays so.
    if (before.sa_handler == SIG_IGN) continue;
    sigaction(signal, &action, nullptr);
    saved_->actions.emplace_back(signal, before);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  struct sigaction before {};
  sigaction(SIGPIPE, &ignore, &before);
  saved_->actions.emplace_back(SIGPIPE, before);
}

Wake::~Wake() {
  for (const auto& [signal, action] : saved_->actions) sigaction(signal, &action, nullptr);
  delete saved_;
  for (int& end : ends) {
    if (end >= 0) close(end);
    end = -1;
  }
}

void Wake::Ring() const {
  const char byte = 'r';
  [[maybe_unused]] const ssize_t put = write(ends[1], &byte, 1);
}

void Wake::Wait(std::optional<std::chrono::steady_clock::time_point> until, int key_fd) const {
  int milliseconds = -1;
  if (until) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*until - std::chrono::steady_clock::now());
    milliseconds = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 86'400'000));
  }
  std::array<pollfd, 2> polled = {pollfd{ends[0], POLLIN, 0}, pollfd{key_fd, POLLIN, 0}};
  if (poll(polled.data(), polled.size(), milliseconds) <= 0) return;
  // A terminal that went away can be read for ever.
  if ((polled[1].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 &&
      (polled[1].revents & POLLIN) == 0) {
    came[SIGHUP] = 1;
  }
  std::array<char, 256> bytes;
  while (read(ends[0], bytes.data(), bytes.size()) > 0) {
  }
}

bool Wake::Took(int signal) { return std::exchange(came[static_cast<size_t>(signal)], 0) != 0; }

}  // namespace vramcast::cli
