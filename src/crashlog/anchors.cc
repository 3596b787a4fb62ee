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
// one of them loses nothing. The sieve looks at the first three letters of all anchors of a bucket
// at once and lets strangers pass that mix them; this division lets few pass (counted over training
// logs).
struct Anchor {
  std::string_view text;
  int bucket;
};
constexpr std::array kAnchors = {
    Anchor{"allocat", 0},
    Anchor{"alloc_", 0},
    Anchor{"alloc::", 0},
    Anchor{"calloc ", 0},
    Anchor{"collective operation", 0},
    Anchor{"bad_alloc", 0},
    Anchor{"memory", 1},
    Anchor{"mem-fraction", 1},
    Anchor{"max seq len", 1},
    Anchor{"oom-kill", 1},
    Anchor{"oom_kill", 1},
    Anchor{"oom when", 1},
    Anchor{"kiogpu", 1},
    Anchor{"torchrun", 2},
    Anchor{"t_of_me", 2},
    Anchor{"t_of_re", 2},
    Anchor{"t_of_de", 2},
    Anchor{"assertion", 2},
    Anchor{"cuda error", 3},
    Anchor{"cuda driver", 3},
    Anchor{"cudnn", 3},
    Anchor{"cublas", 3},
    Anchor{"cuda failure", 3},
    Anchor{"exitcode", 3},
    Anchor{"exit code", 3},
    Anchor{"exited with", 3},
    Anchor{"exit status", 3},
    Anchor{"bus error", 3},
    Anchor{"error 1455", 4},
    Anchor{"erroroutofdevice", 4},
    Anchor{"killed", 4},
    Anchor{"dst tensor is", 7},
    Anchor{"nvml_", 4},
    Anchor{"nvmapm", 4},
    Anchor{"to mmap", 5},
    Anchor{"nccl warn", 5},
    Anchor{"ncclunh", 5},
    Anchor{"capac", 6},
    Anchor{"sigkill", 6},
    Anchor{"available ram", 0},
    Anchor{"signal 9", 6},
    Anchor{"paging file", 6},
    Anchor{"device-side assert", 7},
    Anchor{"return code", 7},
    Anchor{"returncode", 7},
    Anchor{"attempting to reserve", 7},
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

// The buckets whose anchors may begin at `at`; three bytes are there.
uint8_t BucketsAt(std::string_view text, size_t at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data()) + at;
  return kMasks.at[0][bytes[0]] & kMasks.at[1][bytes[1]] & kMasks.at[2][bytes[2]];
}

bool IsAnchor(std::string_view text, size_t at) {
  const uint8_t buckets = BucketsAt(text, at);
  if (buckets == 0) {
    return false;
  }
  const size_t room = text.size() - at;
  for (const Anchor& anchor : kAnchors) {
    if ((buckets >> anchor.bucket & 1) == 0 || anchor.text.size() > room) {
      continue;
    }
    bool same = true;
    for (size_t i = 0; same && i < anchor.text.size(); ++i) {
      same = Lower(text[at + i]) == anchor.text[i];
    }
    if (same) {
      return true;
    }
  }
  return false;
}

size_t FindPlain(std::string_view text, size_t from, size_t limit) {
  const size_t end = std::min(limit, text.size() < 3 ? 0 : text.size() - 2);
  for (size_t i = from; i < end; ++i) {
    if (BucketsAt(text, i) != 0 && IsAnchor(text, i)) {
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
