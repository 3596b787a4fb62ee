// Any bytes as the content of vramcast's own trace file.
#include "trace/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto recording = vramcast::ReadTraceContent({data, size});
  if (recording) vramcast::WriteTraceFile(*recording);
  return 0;
}
