// The PyTorch that a program would use, found without importing it: where it lies, what it was
// built for, and which versions of NVIDIA's libraries it expects.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dryrun/child.h"
#include "dryrun/start.h"

namespace vramcast::dryrun {

struct PyTorch {
  std::string python;            // the interpreter
  std::filesystem::path folder;  // …/site-packages/torch
  std::string version;           // "2.9.1+cu128"
  int cuda_version = 0;          // 12080, as cudaRuntimeGetVersion
  int cudnn_version = 0;         // 91002, as cudnnGetVersion; 0: not told
  int nccl_version = 0;          // 22705, as ncclGetVersion; 0: not told
  std::string installed;         // the environment's packages and versions, for a cache key
};

// The interpreter that `start` would run. kMachine if there is none.
Result<std::string> FindPython(const Start& start, const Environment& environment);

// kMachine when Python has no PyTorch, or one without CUDA.
Result<PyTorch> FindPyTorch(const std::string& python, const Environment& environment);

// What the question below prints, read. Separate from asking, for tests.
Result<PyTorch> ReadPyTorch(std::string_view answer, const std::string& python);

}  // namespace vramcast::dryrun
