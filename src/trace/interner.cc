#include "trace/interner.h"

namespace vramcast {
namespace {

uint64_t Load(const unsigned char* at) {
  uint64_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// The upper half of the 128-bit product carries every bit of both factors.
uint64_t Mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

constexpr uint64_t kOdd1 = 0x9E3779B97F4A7C15, kOdd2 = 0xD1B54A32D192ED03;

}  // namespace

uint64_t HashBytes(const void* data, size_t size) {
  const auto* at = static_cast<const unsigned char*>(data);
  uint64_t a = size * kOdd1, b = kOdd2;
  size_t left = size;
  // Two independent lanes, so that the multiplications overlap.
  for (; left >= 32; at += 32, left -= 32) {
    a = Mix(Load(at) ^ a, Load(at + 8) ^ kOdd1);
    b = Mix(Load(at + 16) ^ b, Load(at + 24) ^ kOdd2);
  }
  for (; left >= 8; at += 8, left -= 8) a = Mix(Load(at) ^ a, kOdd2);
  uint64_t tail = 0;
  if (left > 0) std::memcpy(&tail, at, left);
  return Mix(a ^ tail ^ kOdd1, b ^ left ^ kOdd2);
}

}  // namespace vramcast
