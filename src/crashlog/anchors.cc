#include "crashlog/anchors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vramcast::crashlog {
namespace {

// Each message of the wordings contains at least one, and most several, so that a line break inside
// one of them loses nothing. The bucket groups anchors with like letters: the sieve looks at the
// first three letters of all anchors of a bucket at once, and may let strangers pass.
struct Anchor {
  std::string_view text;
  int bucket;
};
constexpr std::array kAnchors = {
    Anchor{"memory", 0},   // out of memory, not enough memory, illegal memory access, ...
    Anchor{"allocat", 1},  // tried to allocate, already allocated, Failed to allocate
    Anchor{"alloc_", 1},   // CUBLAS_STATUS_ALLOC_FAILED, PYTORCH_CUDA_ALLOC_CONF
    Anchor{"alloc::", 1},
    Anchor{"calloc ", 2},     // Failed to CUDA calloc
    Anchor{"capac", 2},       // total capacity, total capacty
    Anchor{"cuda error", 2},  // and CUDA_ERROR by "memory"
    Anchor{"cuda driver", 2},
    Anchor{"cublas", 2},
    Anchor{"cudnn", 2},
    Anchor{"nccl warn", 3},
    Anchor{"ncclunh", 3},
    Anchor{"nvml_", 3},
    Anchor{"nvmapm", 3},
    Anchor{"killed", 4},
    Anchor{"kiogpu", 4},
    Anchor{"sigkill", 5},
    Anchor{"signal 9", 5},
    Anchor{"exitcode", 6},
    Anchor{"exit code", 6},
    Anchor{"exited with", 6},
    Anchor{"exit status", 6},
    Anchor{"return code", 7},
    Anchor{"returncode", 7},
    Anchor{"oom-kill", 4},
    Anchor{"oom_kill", 4},
    Anchor{"oom when", 4},
    Anchor{"bus error", 5},
    Anchor{"to mmap", 7},
    Anchor{"paging file", 7},
    Anchor{"error 1455", 6},
    Anchor{"bad_alloc", 5},
    Anchor{"device-side assert", 0},
    Anchor{"assertion", 1},
    Anchor{"collective operation", 2},
    Anchor{"attempting to reserve", 1},
    Anchor{"torchrun", 7},
    Anchor{"max seq len", 0},
    Anchor{"mem-fraction", 0},
    Anchor{"erroroutofdevice", 6},
};

struct Masks {
  // For each of an anchor's first three letters: which buckets have this letter there.
  std::array<std::array<uint8_t, 256>, 3> at = {};
  // The same by nibbles, for the vector form: low and high half of the byte.
  std::array<std::array<uint8_t, 16>, 3> low = {};
  std::array<std::array<uint8_t, 16>, 3> high = {};
};

constexpr Masks MakeMasks() {
  Masks masks;
  for (const Anchor& anchor : kAnchors) {
    const auto bit = static_cast<uint8_t>(1U << anchor.bucket);
    for (size_t i = 0; i < 3; ++i) {
      const char c = anchor.text[i];
      const bool letter = c >= 'a' && c <= 'z';
      for (const char form : {c, letter ? static_cast<char>(c - 32) : c}) {
        const auto byte = static_cast<uint8_t>(form);
        masks.at[i][byte] |= bit;
        masks.low[i][byte & 15] |= bit;
        masks.high[i][byte >> 4] |= bit;
      }
    }
  }
  return masks;
}
constexpr Masks kMasks = MakeMasks();

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool IsAnchor(std::string_view text, size_t at) {
  const size_t room = text.size() - at;
  for (const Anchor& anchor : kAnchors) {
    if (anchor.text.size() > room || Lower(text[at]) != anchor.text[0]) {
      continue;
    }
    bool same = true;
    for (size_t i = 1; same && i < anchor.text.size(); ++i) {
      same = Lower(text[at + i]) == anchor.text[i];
    }
    if (same) {
      return true;
    }
  }
  return false;
}

size_t FindPlain(std::string_view text, size_t from, size_t limit) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const size_t end = std::min(limit, text.size() < 3 ? 0 : text.size() - 2);
  for (size_t i = from; i < end; ++i) {
    if ((kMasks.at[0][bytes[i]] & kMasks.at[1][bytes[i + 1]] & kMasks.at[2][bytes[i + 2]]) != 0 &&
        IsAnchor(text, i)) {
      return i;
    }
  }
  return limit;
}

#if defined(__x86_64__)
#define VRAMCAST_AVX2 __attribute__((target("avx2")))

// A table of 16 in both halves of a register.
VRAMCAST_AVX2 inline __m256i Table(const std::array<uint8_t, 16>& table) {
  return _mm256_broadcastsi128_si256(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(table.data())));
}

// Shuffles look bytes up in a table of 16; with one table for each half of a byte the result is the
// set of buckets that have the byte at that place.
VRAMCAST_AVX2 inline __m256i Buckets(const char* data, __m256i low, __m256i high) {
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data));
  return _mm256_and_si256(
      _mm256_shuffle_epi8(low, _mm256_and_si256(x, nibble)),
      _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble)));
}

VRAMCAST_AVX2 size_t FindAvx2(std::string_view text, size_t from, size_t limit) {
  const __m256i low0 = Table(kMasks.low[0]), high0 = Table(kMasks.high[0]);
  const __m256i low1 = Table(kMasks.low[1]), high1 = Table(kMasks.high[1]);
  const __m256i low2 = Table(kMasks.low[2]), high2 = Table(kMasks.high[2]);
  const char* data = text.data();
  size_t i = from;
  for (; i < limit && i + 34 <= text.size(); i += 32) {
    const __m256i hit = _mm256_and_si256(
        _mm256_and_si256(Buckets(data + i, low0, high0), Buckets(data + i + 1, low1, high1)),
        Buckets(data + i + 2, low2, high2));
    uint32_t places = ~static_cast<uint32_t>(
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(hit, _mm256_setzero_si256())));
    while (places != 0) {
      const size_t at = i + static_cast<size_t>(__builtin_ctz(places));
      if (at >= limit) {
        return limit;
      }
      if (IsAnchor(text, at)) {
        return at;
      }
      places &= places - 1;
    }
  }
  return i >= limit ? limit : FindPlain(text, i, limit);
}
#undef VRAMCAST_AVX2
#endif

}  // namespace

size_t FindAnchor(std::string_view text, size_t from, size_t limit) {
  limit = std::min(limit, text.size());
  if (from >= limit) {
    return limit;
  }
#if defined(__x86_64__)
  static const bool kAvx2 = __builtin_cpu_supports("avx2");
  if (kAvx2) {
    return FindAvx2(text, from, limit);
  }
#endif
  return FindPlain(text, from, limit);
}

size_t CountLines(std::string_view text) {
  size_t count = 0;
  // Short sums in bytes are what compilers turn into vector code.
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.size(), i + 255 * 16);
    size_t sum = 0;
    for (; i < end; ++i) {
      sum += text[i] == '\n' ? 1 : 0;
    }
    count += sum;
  }
  return count;
}

}  // namespace vramcast::crashlog
