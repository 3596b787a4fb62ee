#include "dryrun/device/contents.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "dryrun/device/api.h"

namespace vramcast::device {
namespace {

struct Piece {
  std::vector<char> bytes;
  uint64_t launches = 0;  // when it was written
};
using Pieces = std::map<const char*, Piece>;

std::mutex mutex;
std::atomic<uint64_t> launches{0};

Pieces& GetPieces() {
  static auto* pieces = new Pieces;
  return *pieces;
}

// The first piece that reaches beyond `begin`.
Pieces::iterator FirstAt(const char* begin) {
  Pieces& pieces = GetPieces();
  auto at = pieces.upper_bound(begin);
  if (at != pieces.begin() && std::prev(at)->first + std::prev(at)->second.bytes.size() > begin) {
    --at;
  }
  return at;
}

void ForgetLocked(const char* begin, size_t size) {
  Pieces& pieces = GetPieces();
  for (auto at = FirstAt(begin); at != pieces.end() && at->first < begin + size;) {
    at = pieces.erase(at);
  }
}

void WriteLocked(const char* to, std::vector<char> bytes) {
  ForgetLocked(to, bytes.size());
  if (bytes.size() <= kLargestKept) GetPieces()[to] = {std::move(bytes), launches};
}

// Whether anything was known.
bool ReadLocked(const char* from, char* out, size_t size) {
  bool known = false;
  std::memset(out, 0, size);
  for (auto at = FirstAt(from); at != GetPieces().end() && at->first < from + size; ++at) {
    const auto& [begin, piece] = *at;
    const bool exact = begin == from && piece.bytes.size() == size;
    if (!exact && piece.launches != launches) continue;
    const char* first = std::max(begin, from);
    const char* last = std::min(begin + piece.bytes.size(), from + size);
    std::memcpy(out + (first - from), piece.bytes.data() + (first - begin),
                static_cast<size_t>(last - first));
    known = true;
  }
  return known;
}

}  // namespace

void WriteContents(char* to, const void* bytes, size_t size) {
  const std::lock_guard lock(mutex);
  if (size > kLargestKept) return ForgetLocked(to, size);
  const char* begin = static_cast<const char*>(bytes);
  WriteLocked(to, std::vector<char>(begin, begin + size));
}

void ReadContents(const char* from, void* out, size_t size) {
  const std::lock_guard lock(mutex);
  ReadLocked(from, static_cast<char*>(out), size);
}

void MoveContents(char* to, const char* from, size_t size) {
  const std::lock_guard lock(mutex);
  if (size > kLargestKept) return ForgetLocked(to, size);
  // Without anything at the source there is nothing to carry, whatever the size.
  const auto at = FirstAt(from);
  if (at == GetPieces().end() || at->first >= from + size) return ForgetLocked(to, size);
  std::vector<char> bytes(size);
  if (ReadLocked(from, bytes.data(), size)) {
    WriteLocked(to, std::move(bytes));
  } else {
    ForgetLocked(to, size);
  }
}

void ForgetContents(char* begin, size_t size) {
  const std::lock_guard lock(mutex);
  ForgetLocked(begin, size);
}

void KernelLaunched() { launches.fetch_add(1, std::memory_order_relaxed); }
uint64_t KernelsLaunched() { return launches; }

// For the launcher's own module: whether the number at this place was sent there and no kernel has
// been launched since (an accumulator that was sent as zero may have been added to), and what a
// fill of one element would have written.
VRAMCAST_EXPORT int vramcast_device_known(const char* from, size_t size) {
  const std::lock_guard lock(mutex);
  const auto at = FirstAt(from);
  return at != GetPieces().end() && at->first <= from && at->second.launches == launches &&
                 from + size <= at->first + at->second.bytes.size()
             ? 1
             : 0;
}
VRAMCAST_EXPORT void vramcast_device_write(char* to, const void* bytes, size_t size) {
  WriteContents(to, bytes, size);
}

}  // namespace vramcast::device
