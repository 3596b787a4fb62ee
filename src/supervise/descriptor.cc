#include "supervise/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <string>

namespace vramcast::supervise {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  Close();
  fd_ = std::exchange(other.fd_, -1);
  return *this;
}

void Descriptor::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Result<Pipe> Pipe::Open() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return MachineError(std::string("cannot open a pipe: ") + strerror(errno));
  }
  Pipe opened;
  opened.read = Descriptor(ends[0]);
  opened.write = Descriptor(ends[1]);
  return opened;
}

}  // namespace vramcast::supervise
