// Any bytes as a snapshot, in whatever container they claim to be.
#include "snapshot/read.h"
#include "snapshot/write.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vramcast::snapshot::ReadLimits limits;
  limits.memory = 64 << 20;
  const auto recording = vramcast::snapshot::ReadSnapshot({data, size}, limits);
  if (recording) vramcast::snapshot::WriteSnapshot(*recording);
  return 0;
}
