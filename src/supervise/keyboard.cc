#include "supervise/keyboard.h"

#include <errno.h>
#include <unistd.h>

#include <array>
#include <string>

namespace vramcast::supervise {

Keyboard::Keyboard(int input, int master) : input_(input), master_(master) {}

Keyboard::~Keyboard() { Release(); }

void Keyboard::FollowTheForeground() {
  const bool mine = !gone_ && tcgetpgrp(input_) == getpgrp();
  if (mine == raw_) return;
  if (!mine) {
    raw_ = false;  // whoever has the terminal now has set it as it wants it
    return;
  }
  if (tcgetattr(input_, &before_) != 0) return;
  termios raw = before_;
  cfmakeraw(&raw);
  raw_ = tcsetattr(input_, TCSANOW, &raw) == 0;
}

void Keyboard::Release() {
  if (raw_ && tcgetpgrp(input_) == getpgrp()) tcsetattr(input_, TCSANOW, &before_);
  raw_ = false;
}

Keyboard::Keys Keyboard::Move() {
  Keys keys;
  std::array<char, 4096> buffer;
  const ssize_t got = read(input_, buffer.data(), buffer.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return keys;
  if (got <= 0) {
    gone_ = true;
    raw_ = false;
    return keys;
  }
  std::string typed(buffer.data(), static_cast<size_t>(got));
  termios meaning;  // of keys, as the command has set its terminal
  if (tcgetattr(master_, &meaning) == 0 && (meaning.c_lflag & ISIG) != 0) {
    const auto has = [&](int key) {
      const auto code = static_cast<char>(meaning.c_cc[key]);
      return code != '\0' && typed.find(code) != std::string::npos;
    };
    keys.suspend = has(VSUSP);
    if (keys.suspend) std::erase(typed, static_cast<char>(meaning.c_cc[VSUSP]));
    keys.interrupt = has(VINTR) || has(VQUIT);
  }
  [[maybe_unused]] const ssize_t put = write(master_, typed.data(), typed.size());
  return keys;
}

}  // namespace vramcast::supervise
