// The device's memory: address space that counts. Every byte that a program takes is charged to its
// device and refused beyond the card's size; nothing is behind the addresses (contents.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace vramcast::device {

inline constexpr size_t kGranularity = size_t{2} << 20;  // cuMemGetAllocationGranularity

int CurrentDevice();
bool SetCurrentDevice(int device);  // false: no such device

// Physical memory. Charge is false when the card is full.
bool Charge(int device, uint64_t bytes);
void Uncharge(int device, uint64_t bytes);

struct Usage {
  uint64_t used = 0;  // without the context and other processes
  uint64_t peak = 0;
  uint64_t refused = 0;       // requests that did not fit
  uint64_t last_refused = 0;  // bytes of the last of them
};
Usage UsageOf(int device);
uint64_t FreeOn(int device);  // as cudaMemGetInfo tells

// Address space of a device, aligned to `alignment` (a power of two; at least a page); null when
// exhausted.
char* Reserve(int device, size_t size, size_t alignment);
void Unreserve(char* address, size_t size);

// cudaMalloc and cudaFree: reserve and charge in one.
char* Allocate(int device, size_t size);
bool Free(void* address);

std::optional<int> DeviceOf(const void* address);  // nothing: not device memory

// Page-locked host memory.
void* AllocateHost(size_t size);
bool FreeHost(void* address);
void RegisterHost(void* address, size_t size);
void UnregisterHost(void* address);
bool IsPinned(const void* address);

}  // namespace vramcast::device
