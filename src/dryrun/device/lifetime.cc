// The lifetime of collectives' buffers, as streams.h states it.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/contents.h"
#include "dryrun/device/streams.h"

namespace vramcast::device {
namespace {

using Clock = std::chrono::steady_clock;

// A program that does nothing more on the device (it shuts down and waits for the watchdog) must
// not wait for ever.
constexpr auto kIdle = std::chrono::seconds(5);
// The watchdog sleeps 100 ms between its rounds (ProcessGroupNCCL.cpp, kWatchdogThreadSleepMillis).
constexpr auto kLongestRound = std::chrono::milliseconds(1500);
// From "finished" to dropped, the watchdog only takes a lock and erases a list entry.
constexpr auto kErase = std::chrono::milliseconds(4);

struct Lifetime {
  std::mutex mutex;
  std::condition_variable dropped;
  std::map<const void*, uint64_t> outstanding;  // events that end a collective -> serial
  uint64_t released = 0;                        // serials up to this have passed
  struct Wait {
    uint64_t serial = 0;   // of the last record before it
    uint64_t kernels = 0;  // launched before it
  };
  Wait before_wait[kLongestWaits];  // ring, by number of the wait
  uint64_t waits = 0;
  uint64_t serial_at_step = UINT64_MAX;  // of the last record before the latest optimizer step
  uint64_t activity_seen = 0;
  Clock::time_point idle_since = Clock::now();
};

Lifetime& Get() {
  static auto* lifetime = new Lifetime;
  return *lifetime;
}

std::atomic<uint64_t> serial{0};
std::atomic<uint64_t> activity{0};
thread_local void* collective_stream = nullptr;
thread_local bool collective_open = false;

bool AnyOutstanding(const Lifetime& lifetime) {
  for (const auto& [event, number] : lifetime.outstanding) {
    if (number <= lifetime.released) return true;
  }
  return false;
}

// Lets the watchdog see everything up to `number` and waits until it has.
void Release(Lifetime* lifetime, uint64_t number) {
  std::unique_lock lock(lifetime->mutex);
  if (number <= lifetime->released) return;
  lifetime->released = number;
  if (!AnyOutstanding(*lifetime)) return;
  lifetime->dropped.wait_for(lock, kLongestRound, [&] { return !AnyOutstanding(*lifetime); });
  lock.unlock();
  std::this_thread::sleep_for(kErase);
}

}  // namespace

bool IsWatchdogThread() {
  thread_local const bool watchdog = [] {
    char name[16] = {};
    pthread_getname_np(pthread_self(), name, sizeof name);
    return std::strncmp(name, "pt_nccl_watchd", 14) == 0;
  }();
  return watchdog;
}

uint64_t NextSerial() { return ++serial; }

void HostWaited() {
  if (!GetConfig().linger || IsWatchdogThread()) return;
  ++activity;
  Lifetime& lifetime = Get();
  uint64_t oldest = 0;
  {
    const std::lock_guard lock(lifetime.mutex);
    Lifetime::Wait& slot = lifetime.before_wait[lifetime.waits++ % kLongestWaits];
    oldest = slot.serial;
    slot = {serial, KernelsLaunched()};
  }
  Release(&lifetime, oldest);
}

void BeforeCollective() {
  if (!GetConfig().linger) return;
  ++activity;
  Lifetime& lifetime = Get();
  uint64_t last = 0;
  {
    const std::lock_guard lock(lifetime.mutex);
    if (lifetime.waits > 0) {
      const Lifetime::Wait& wait = lifetime.before_wait[(lifetime.waits - 1) % kLongestWaits];
      const bool at_once = KernelsLaunched() - wait.kernels < kWorkBetween;
      last = at_once ? std::min(wait.serial, lifetime.serial_at_step) : wait.serial;
    }
  }
  Release(&lifetime, last);
}

void AfterCollective(void* stream) {
  collective_stream = stream;
  collective_open = true;
}

void Recorded(void* stream, const void* event, uint64_t number) {
  ++activity;
  if (!collective_open || stream != collective_stream) return;
  collective_open = false;
  const std::lock_guard lock(Get().mutex);
  Get().outstanding[event] = number;
}

void Forgotten(const void* event) {
  const std::lock_guard lock(Get().mutex);
  if (Get().outstanding.erase(event) > 0) Get().dropped.notify_all();
}

bool PassedForWatchdog(const void* event, uint64_t number) {
  if (!GetConfig().linger) return true;
  Lifetime& lifetime = Get();
  const std::lock_guard lock(lifetime.mutex);
  bool passed = number <= lifetime.released;
  if (!passed) {
    const auto now = Clock::now();
    if (lifetime.activity_seen != activity) {
      lifetime.activity_seen = activity;
      lifetime.idle_since = now;
    }
    passed = now - lifetime.idle_since > kIdle;
  }
  if (passed && lifetime.outstanding.erase(event) > 0) lifetime.dropped.notify_all();
  return passed;
}

// An optimizer's step begins.
VRAMCAST_EXPORT void vramcast_device_step_begins() {
  Lifetime& lifetime = Get();
  const std::lock_guard lock(lifetime.mutex);
  lifetime.serial_at_step = serial;
}

// Everything passes from now on: the program ends its process group.
VRAMCAST_EXPORT void vramcast_device_release() {
  Lifetime& lifetime = Get();
  const std::lock_guard lock(lifetime.mutex);
  lifetime.released = UINT64_MAX;
}

}  // namespace vramcast::device
