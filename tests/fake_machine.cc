#include "fake_machine.h"

#include <cstdlib>

namespace vramcast::tests {

std::map<std::string, std::string> FakeNvml(const ScratchFolder& folder, const std::string& script,
                                            Driver driver) {
  return {{"VRAMCAST_FAKE_NVML", folder.Write("machine.json", script)},
          {"LD_LIBRARY_PATH",
           driver == Driver::kNew ? VRAMCAST_FAKE_NVML_NEW : VRAMCAST_FAKE_NVML_OLD}};
}

std::map<std::string, std::string> FakeSmi(const ScratchFolder& folder) {
  const char* path = std::getenv("PATH");
  return {{"VRAMCAST_FAKE_SMI", folder.path()},
          {"PATH", std::string(VRAMCAST_FAKE_SMI_DIR) + ":" + (path == nullptr ? "/bin" : path)}};
}

}  // namespace vramcast::tests
