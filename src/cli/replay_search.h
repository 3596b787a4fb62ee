// Tries allocator settings on one recording and ranks them by how the program would fare.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "allocator/play.h"

namespace vramcast::cli {

struct Candidate {
  std::string conf;  // a value of PYTORCH_CUDA_ALLOC_CONF
  Run run;
};

// Best first: those that live, by reserved memory, then by retries. The version of PyTorch is that
// of `base`; settings that it lacks are left out.
std::vector<Candidate> SearchSettings(const AllocatorSettings& base,
                                      const std::function<Run(const AllocatorSettings&)>& play);

}  // namespace vramcast::cli
