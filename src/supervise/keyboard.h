// The keys of the real terminal on their way to the command's pseudo-terminal. The real one is in
// raw mode meanwhile, so that the command's terminal alone gives keys their meaning; only the key
// that suspends a job is also acted on here, since the shell knows this program and no other.
#pragma once

#include <poll.h>
#include <termios.h>

namespace vramcast::supervise {

class Keyboard {
 public:
  // `input`: the real terminal; `master`: the pseudo-terminal's end. Not owned.
  Keyboard(int input, int master);
  ~Keyboard();
  Keyboard(const Keyboard&) = delete;
  Keyboard& operator=(const Keyboard&) = delete;

  struct Keys {
    bool suspend = false;    // the suspend key was pressed
    bool interrupt = false;  // the interrupt or quit key went to the command
  };

  // Takes the terminal over if this program is in its foreground, gives it back if not: after a
  // start in the background and whenever a shell has moved the job.
  void FollowTheForeground();
  // The terminal as it was, until the next FollowTheForeground.
  void Release();

  pollfd Waiting() const { return {raw_ ? input_ : -1, POLLIN, 0}; }
  // Passes on what was typed. What the command's terminal cannot take is dropped, as a real one
  // drops it.
  Keys Move();

 private:
  int input_;
  int master_;
  bool gone_ = false;  // the terminal hung up
  bool raw_ = false;
  termios before_{};
};

}  // namespace vramcast::supervise
