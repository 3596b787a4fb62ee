// Bytes is a number of bytes that cannot be confused with a number of elements. It may be negative,
// since differences are sizes too. Its text form is the one that PyTorch's messages use.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vramcast {

class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(int64_t count) : count_(count) {}

  constexpr int64_t count() const { return count_; }
  constexpr double mib() const { return static_cast<double>(count_) / (1 << 20); }
  constexpr double gib() const { return static_cast<double>(count_) / (1 << 30); }

  constexpr auto operator<=>(const Bytes&) const = default;
  constexpr Bytes& operator+=(Bytes o) {
    count_ += o.count_;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes o) {
    count_ -= o.count_;
    return *this;
  }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return Bytes(a.count_ + b.count_); }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return Bytes(a.count_ - b.count_); }
  friend constexpr Bytes operator-(Bytes a) { return Bytes(-a.count_); }
  friend constexpr Bytes operator*(Bytes a, int64_t n) { return Bytes(a.count_ * n); }
  friend constexpr Bytes operator*(int64_t n, Bytes a) { return Bytes(a.count_ * n); }
  friend constexpr Bytes operator/(Bytes a, int64_t n) { return Bytes(a.count_ / n); }

 private:
  int64_t count_ = 0;
};

namespace literals {
constexpr Bytes operator""_B(unsigned long long n) { return Bytes(static_cast<int64_t>(n)); }
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n) << 10);
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n) << 20);
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes(static_cast<int64_t>(n) << 30);
}
}  // namespace literals

// The smallest multiple of `step` (> 0) that is not below `size` (>= 0).
constexpr Bytes RoundUp(Bytes size, Bytes step) {
  return Bytes((size.count() + step.count() - 1) / step.count() * step.count());
}

// As PyTorch prints a size (format_size in c10/cuda/CUDACachingAllocator.cpp, 2.9.1): "512 bytes",
// "1.00 KiB", "1024.00 MiB", "79.11 GiB"; two decimals, never TiB. Negative sizes carry a minus
// sign.
std::string FormatBytes(Bytes size);

// Reads what a person types: "24GiB", "24 GB", "20480MiB", "8.5g", "1024" (bytes), any case. A unit
// with or without "i" is a power of 1024, as PyTorch and nvidia-smi mean it. Usage error otherwise,
// also when the value is negative or beyond 2^63.
Result<Bytes> ParseBytes(std::string_view text);

}  // namespace vramcast
