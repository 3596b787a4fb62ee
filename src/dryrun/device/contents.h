// What the device's memory holds, as far as it can be known: bytes that a program sent there, until
// something else may have been written over them. Everything else reads as zeros. Kept beside the
// memory, which itself is address space without a byte behind it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vramcast::device {

// Larger pieces are not kept: a model's weights must not need the host's memory a second time.
inline constexpr size_t kLargestKept = size_t{16} << 20;

void WriteContents(char* to, const void* bytes, size_t size);
// What was written at exactly this place and size, or nowhere near a kernel's reach (no kernel was
// launched since); zeros elsewhere.
void ReadContents(const char* from, void* out, size_t size);
void MoveContents(char* to, const char* from, size_t size);
void ForgetContents(char* begin, size_t size);
void KernelLaunched();
uint64_t KernelsLaunched();

}  // namespace vramcast::device
