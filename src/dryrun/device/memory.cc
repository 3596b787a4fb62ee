#include "dryrun/device/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "dryrun/device/config.h"
#include "dryrun/device/contents.h"

namespace vramcast::device {
namespace {

constexpr size_t kPage = 4096;
// PyTorch reserves 1.125 x the card's memory for each stream and pool with expandable segments.
constexpr size_t kReserveFactor = 64;
constexpr uintptr_t kFirstAddress = 0x300000000000;  // the same in every run, if it is free
constexpr uintptr_t kDeviceDistance = 0x40000000000;

size_t RoundUp(size_t size, size_t step) { return (size + step - 1) / step * step; }

struct Arena {
  char* begin = nullptr;
  char* end = nullptr;
  std::map<char*, char*> gaps;  // begin -> end, never touching
  std::map<char*, size_t> allocations;
  Usage usage;
  bool has_context = false;
};

struct HostRange {
  size_t size = 0;
  bool ours = false;
};

class Memory {
 public:
  Memory() : arenas_(static_cast<size_t>(std::max(1, GetConfig().count))) {
    const size_t size = std::min<size_t>(RoundUp(GetConfig().total * kReserveFactor, kGranularity),
                                         kDeviceDistance);
    for (size_t i = 0; i < arenas_.size(); ++i) Open(&arenas_[i], i, size);
  }

  std::mutex& mutex() { return mutex_; }
  Arena& arena(int device) { return arenas_[static_cast<size_t>(device)]; }
  int count() const { return static_cast<int>(arenas_.size()); }
  std::map<char*, HostRange>& host() { return host_; }

  int DeviceAt(const char* address) const {
    for (size_t i = 0; i < arenas_.size(); ++i) {
      if (address >= arenas_[i].begin && address < arenas_[i].end) return static_cast<int>(i);
    }
    return -1;
  }

 private:
  static void Open(Arena* arena, size_t index, size_t size) {
    auto* hint = reinterpret_cast<char*>(kFirstAddress + index * kDeviceDistance);
    // Halved until the host grants it: a limit on address space must not stop small programs.
    for (; size >= kGranularity; size /= 2) {
      void* got = mmap(hint, size + kGranularity, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (got == MAP_FAILED) continue;
      madvise(got, size + kGranularity, MADV_DONTDUMP);
      arena->begin =
          reinterpret_cast<char*>(RoundUp(reinterpret_cast<uintptr_t>(got), kGranularity));
      arena->end = arena->begin + size;
      arena->gaps[arena->begin] = arena->end;
      return;
    }
  }

  std::mutex mutex_;
  std::vector<Arena> arenas_;
  std::map<char*, HostRange> host_;
};

Memory& Get() {
  static auto* memory = new Memory;  // outlives every library that frees at exit
  return *memory;
}

thread_local int current_device = 0;

uint64_t Capacity(Arena* arena) {
  const Config& config = GetConfig();
  const uint64_t taken = config.other + (arena->has_context ? config.context : 0);
  return config.total > taken ? config.total - taken : 0;
}

bool ChargeLocked(Arena* arena, uint64_t bytes) {
  arena->has_context = true;
  if (arena->usage.used + bytes > Capacity(arena)) {
    ++arena->usage.refused;
    arena->usage.last_refused = bytes;
    return false;
  }
  arena->usage.used += bytes;
  arena->usage.peak = std::max(arena->usage.peak, arena->usage.used);
  return true;
}

char* ReserveLocked(Arena* arena, size_t size, size_t alignment) {
  for (auto gap = arena->gaps.begin(); gap != arena->gaps.end(); ++gap) {
    const auto [begin, end] = *gap;
    auto* at = reinterpret_cast<char*>(RoundUp(reinterpret_cast<uintptr_t>(begin), alignment));
    if (at > end || static_cast<size_t>(end - at) < size) continue;
    arena->gaps.erase(gap);
    if (at != begin) arena->gaps[begin] = at;
    if (at + size != end) arena->gaps[at + size] = end;
    return at;
  }
  return nullptr;
}

void UnreserveLocked(Arena* arena, char* begin, char* end) {
  auto next = arena->gaps.lower_bound(begin);
  if (next != arena->gaps.end() && next->first == end) {
    end = next->second;
    next = arena->gaps.erase(next);
  }
  if (next != arena->gaps.begin() && std::prev(next)->second == begin) {
    std::prev(next)->second = end;
  } else {
    arena->gaps[begin] = end;
  }
}

// What a driver takes for a request: whole granules, small requests packed into shared ones.
uint64_t Physical(size_t size) {
  return RoundUp(size, size >= kGranularity / 2 ? kGranularity : 512);
}

}  // namespace

int CurrentDevice() { return current_device; }

bool SetCurrentDevice(int device) {
  if (device < 0 || device >= Get().count()) return false;
  current_device = device;
  return true;
}

bool Charge(int device, uint64_t bytes) {
  const std::lock_guard lock(Get().mutex());
  return ChargeLocked(&Get().arena(device), bytes);
}

void Uncharge(int device, uint64_t bytes) {
  const std::lock_guard lock(Get().mutex());
  Get().arena(device).usage.used -= bytes;
}

Usage UsageOf(int device) {
  const std::lock_guard lock(Get().mutex());
  return Get().arena(device).usage;
}

uint64_t FreeOn(int device) {
  const std::lock_guard lock(Get().mutex());
  Arena& arena = Get().arena(device);
  arena.has_context = true;
  return Capacity(&arena) > arena.usage.used ? Capacity(&arena) - arena.usage.used : 0;
}

char* Reserve(int device, size_t size, size_t alignment) {
  const std::lock_guard lock(Get().mutex());
  return ReserveLocked(&Get().arena(device), RoundUp(size, kPage), std::max(alignment, kPage));
}

void Unreserve(char* address, size_t size) {
  const std::lock_guard lock(Get().mutex());
  const int device = Get().DeviceAt(address);
  if (device >= 0) {
    UnreserveLocked(&Get().arena(device), address, address + RoundUp(size, kPage));
  }
}

char* Allocate(int device, size_t size) {
  const std::lock_guard lock(Get().mutex());
  Arena& arena = Get().arena(device);
  if (!ChargeLocked(&arena, Physical(size))) return nullptr;
  char* address =
      ReserveLocked(&arena, RoundUp(size, kPage), size >= kGranularity / 2 ? kGranularity : kPage);
  if (address == nullptr) {
    arena.usage.used -= Physical(size);
    return nullptr;
  }
  arena.allocations[address] = size;
  return address;
}

bool Free(void* address) {
  const std::lock_guard lock(Get().mutex());
  auto* at = static_cast<char*>(address);
  const int device = Get().DeviceAt(at);
  if (device < 0) return false;
  Arena& arena = Get().arena(device);
  const auto found = arena.allocations.find(at);
  if (found == arena.allocations.end()) return false;
  const size_t size = found->second;
  arena.allocations.erase(found);
  arena.usage.used -= Physical(size);
  ForgetContents(at, size);
  UnreserveLocked(&arena, at, at + RoundUp(size, kPage));
  return true;
}

std::optional<int> DeviceOf(const void* address) {
  const int device = Get().DeviceAt(static_cast<const char*>(address));
  return device < 0 ? std::nullopt : std::optional(device);
}

void* AllocateHost(size_t size) {
  size = RoundUp(std::max<size_t>(size, 1), kPage);
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  const std::lock_guard lock(Get().mutex());
  Get().host()[static_cast<char*>(address)] = {size, true};
  return address;
}

bool FreeHost(void* address) {
  const std::lock_guard lock(Get().mutex());
  const auto found = Get().host().find(static_cast<char*>(address));
  if (found == Get().host().end() || !found->second.ours) return false;
  munmap(address, found->second.size);
  Get().host().erase(found);
  return true;
}

void RegisterHost(void* address, size_t size) {
  const std::lock_guard lock(Get().mutex());
  Get().host()[static_cast<char*>(address)] = {size, false};
}

void UnregisterHost(void* address) {
  const std::lock_guard lock(Get().mutex());
  Get().host().erase(static_cast<char*>(address));
}

bool IsPinned(const void* address) {
  const std::lock_guard lock(Get().mutex());
  auto* at = static_cast<char*>(const_cast<void*>(address));
  auto next = Get().host().upper_bound(at);
  if (next == Get().host().begin()) return false;
  --next;
  return at < next->first + next->second.size;
}

}  // namespace vramcast::device
