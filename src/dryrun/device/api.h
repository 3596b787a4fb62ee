// How the device library exports its entry points. A CUDA function F is the symbol vramcast_F here;
// generated libraries (dryrun/elf_writer.h) export F itself, under the name and version that a
// program asks for, and jump here. CUDA's types are declared by hand: no toolkit is needed.
#pragma once

#include <cstddef>
#include <cstdint>

#define VRAMCAST_EXPORT extern "C" __attribute__((visibility("default")))
#define ENTRY(name) VRAMCAST_EXPORT int vramcast_##name

namespace vramcast::device {

// cudaError_t and CUresult agree on these values (driver_types.h and cuda.h, CUDA 12.8).
enum Error : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kInvalidDevice = 101,
  kInvalidHandle = 400,
  kNotReady = 600,
};

// Remembers an error for cudaGetLastError, as the runtime does, and returns it.
int Fail(Error error);

// Handles that nothing looks into: unique, never null, never freed. PyTorch keeps one workspace per
// cuBLAS handle, so that a handle given out twice would hide one.
void* NewHandle();

}  // namespace vramcast::device
