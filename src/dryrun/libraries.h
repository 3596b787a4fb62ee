// The folder of libraries that a PyTorch loads instead of NVIDIA's, made at first use and kept: the
// device library, a stub for each library that the PyTorch and the extensions beside it need, and
// the Python modules of the launcher.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "dryrun/pytorch.h"

namespace vramcast::dryrun {

struct Libraries {
  std::filesystem::path folder;  // libcudart.so.12, …, libvramcast_device.so
  std::filesystem::path python;  // sitecustomize.py, …
  bool fresh = false;            // made just now
};

// One folder for each PyTorch, set of packages and vramcast. kMachine if nothing can be written.
Result<Libraries> MakeLibraries(const PyTorch& torch, const std::filesystem::path& cache);

}  // namespace vramcast::dryrun
