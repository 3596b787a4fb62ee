// Any bytes are read as a launch script, and an edit of any launch found in them is written back.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "command/edit.h"
#include "command/launch.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vramcast::command;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const LaunchScript script = ReadLaunches(text);
  const std::vector<FlagEdit> edits = {{EditKind::kSet, "device-batch-size", "4", ""},
                                       {EditKind::kRemove, "fp8", "", ""}};
  for (const Launch& launch : script.launches) {
    const auto same = EditLaunch(script, launch, {});
    if (!same || same->text != text) abort();
    const auto edited = EditLaunch(script, launch, edits);
    if (!edited) abort();
    Difference(text, edited->text, "a", "b");
  }
  return 0;
}
