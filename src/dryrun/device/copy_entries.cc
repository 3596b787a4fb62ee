// Copies and fills: they carry bytes, so that what a program sends to the device comes back.
#include <cstring>
#include <vector>

#include "dryrun/device/api.h"
#include "dryrun/device/contents.h"
#include "dryrun/device/memory.h"
#include "dryrun/device/streams.h"

namespace vramcast::device {
namespace {

void Copy(void* to, const void* from, size_t size) {
  if (to == nullptr || from == nullptr || size == 0 || to == from) return;
  const bool to_device = DeviceOf(to).has_value();
  const bool from_device = DeviceOf(from).has_value();
  if (to_device && from_device) {
    MoveContents(static_cast<char*>(to), static_cast<const char*>(from), size);
  } else if (to_device) {
    WriteContents(static_cast<char*>(to), from, size);
  } else if (from_device) {
    ReadContents(static_cast<const char*>(from), to, size);
  } else {
    std::memmove(to, from, size);
  }
}

void Fill(char* to, const void* pattern, size_t pattern_size, size_t count) {
  if (to == nullptr || count == 0) return;
  const size_t size = pattern_size * count;
  const char* bytes = static_cast<const char*>(pattern);
  bool zero = true;
  for (size_t i = 0; i < pattern_size; ++i) zero = zero && bytes[i] == 0;
  const bool device = DeviceOf(to).has_value();
  if (device && (zero || size > kLargestKept)) return ForgetContents(to, size);
  std::vector<char> filled(size);
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(filled.data() + i * pattern_size, bytes, pattern_size);
  }
  Copy(to, filled.data(), size);
}

void FillBytes(char* to, int value, size_t size) {
  const char byte = static_cast<char>(value);
  Fill(to, &byte, 1, size);
}

void CopyRows(char* to, size_t to_pitch, const char* from, size_t from_pitch, size_t width,
              size_t height) {
  for (size_t row = 0; row < height; ++row) {
    Copy(to + row * to_pitch, from + row * from_pitch, width);
  }
}

}  // namespace

ENTRY(cudaMemcpy)(void* to, const void* from, size_t size, int) {
  Copy(to, from, size);
  HostWaited();
  return kSuccess;
}
ENTRY(cudaMemcpyAsync)(void* to, const void* from, size_t size, int, void*) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cudaMemcpyPeerAsync)(void* to, int, const void* from, int, size_t size, void*) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cudaMemcpyPeer)(void* to, int, const void* from, int, size_t size) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cudaMemcpy2DAsync)
(char* to, size_t to_pitch, const char* from, size_t from_pitch, size_t width, size_t height, int,
 void*) {
  CopyRows(to, to_pitch, from, from_pitch, width, height);
  return kSuccess;
}
ENTRY(cudaMemcpy2D)
(char* to, size_t to_pitch, const char* from, size_t from_pitch, size_t width, size_t height, int) {
  CopyRows(to, to_pitch, from, from_pitch, width, height);
  return kSuccess;
}
ENTRY(cudaMemcpyToSymbol)(const void*, const void*, size_t, size_t, int) { return kSuccess; }
ENTRY(cudaMemcpyToSymbolAsync)(const void*, const void*, size_t, size_t, int, void*) {
  return kSuccess;
}
ENTRY(cudaMemcpyBatchAsync)
(void* const* to, const void* const* from, const size_t* sizes, size_t count, void*, size_t*,
 size_t, void*) {
  for (size_t i = 0; i < count; ++i) Copy(to[i], from[i], sizes[i]);
  return kSuccess;
}
ENTRY(cudaMemset)(char* to, int value, size_t size) {
  FillBytes(to, value, size);
  return kSuccess;
}
ENTRY(cudaMemsetAsync)(char* to, int value, size_t size, void*) {
  FillBytes(to, value, size);
  return kSuccess;
}

ENTRY(cuMemcpy)(void* to, const void* from, size_t size) {
  return vramcast_cudaMemcpy(to, from, size, 4);
}
ENTRY(cuMemcpyAsync)(void* to, const void* from, size_t size, void*) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cuMemcpyHtoD_v2)(void* to, const void* from, size_t size) {
  return vramcast_cudaMemcpy(to, from, size, 1);
}
ENTRY(cuMemcpyDtoH_v2)(void* to, const void* from, size_t size) {
  return vramcast_cudaMemcpy(to, from, size, 2);
}
ENTRY(cuMemcpyHtoDAsync_v2)(void* to, const void* from, size_t size, void*) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cuMemcpyDtoHAsync_v2)(void* to, const void* from, size_t size, void*) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cuMemcpyDtoDAsync_v2)(void* to, const void* from, size_t size, void*) {
  Copy(to, from, size);
  return kSuccess;
}
ENTRY(cuMemsetD8Async)(char* to, unsigned char value, size_t size, void*) {
  FillBytes(to, value, size);
  return kSuccess;
}
ENTRY(cuMemsetD32Async)(char* to, unsigned value, size_t count, void*) {
  Fill(to, &value, sizeof value, count);
  return kSuccess;
}

}  // namespace vramcast::device
