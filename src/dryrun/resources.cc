#include "dryrun/resources.h"

#include <array>

// The assembler reads the files; paths come from data.cmake.
#define CARRY(label, path)                            \
  asm(".section .rodata\n"                            \
      ".global vramcast_carried_" #label              \
      "\n"                                            \
      "vramcast_carried_" #label ":\n.incbin \"" path \
      "\"\n"                                          \
      ".global vramcast_carried_" #label              \
      "_end"                                          \
      "\n"                                            \
      "vramcast_carried_" #label                      \
      "_end:\n.byte 0\n"                              \
      ".previous\n");                                 \
  extern "C" const char vramcast_carried_##label[];   \
  extern "C" const char vramcast_carried_##label##_end[];

CARRY(device, VRAMCAST_DEVICE_LIBRARY)
CARRY(sitecustomize, VRAMCAST_PYTHON_FOLDER "/sitecustomize.py")
CARRY(hooks, VRAMCAST_PYTHON_FOLDER "/vramcast_dryrun.py")
CARRY(phases, VRAMCAST_PYTHON_FOLDER "/vramcast_phases.py")
CARRY(progress, VRAMCAST_PYTHON_FOLDER "/vramcast_progress.py")
CARRY(positions, VRAMCAST_PYTHON_FOLDER "/vramcast_positions.py")
CARRY(ranks, VRAMCAST_PYTHON_FOLDER "/vramcast_ranks.py")
CARRY(kernels, VRAMCAST_PYTHON_FOLDER "/kernels.py")
CARRY(sample, VRAMCAST_PYTHON_FOLDER "/vramcast_sample_data.py")

namespace vramcast::dryrun {
namespace {

std::string_view Between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

#define CARRIED(label) Between(vramcast_carried_##label, vramcast_carried_##label##_end)

std::string_view DeviceLibrary() { return CARRIED(device); }

std::span<const Resource> PythonModules() {
  static const std::array<Resource, 8> kModules = {{
      {"sitecustomize.py", CARRIED(sitecustomize)},
      {"vramcast_dryrun.py", CARRIED(hooks)},
      {"vramcast_phases.py", CARRIED(phases)},
      {"vramcast_progress.py", CARRIED(progress)},
      {"vramcast_positions.py", CARRIED(positions)},
      {"vramcast_ranks.py", CARRIED(ranks)},
      {"kernels.py", CARRIED(kernels)},
      {"vramcast_sample_data.py", CARRIED(sample)},
  }};
  return kModules;
}

}  // namespace vramcast::dryrun
