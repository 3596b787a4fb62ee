// Made-up machines for the tests: a driver library that reports what a JSON text says, or an
// nvidia-smi that prints given files.
#pragma once

#include <map>
#include <string>

#include "binary.h"

namespace vramcast::tests {

enum class Driver { kNew, kOld };

// The environment in which vramcast finds the machine that `script` describes (fake_nvml.cc).
// CUDA_VISIBLE_DEVICES is empty of meaning unless a test sets it.
std::map<std::string, std::string> FakeNvml(const ScratchFolder& folder, const std::string& script,
                                            Driver driver = Driver::kNew);

// The environment in which there is no driver library but an nvidia-smi that prints the folder's
// files.
std::map<std::string, std::string> FakeSmi(const ScratchFolder& folder);

}  // namespace vramcast::tests
