// How much of a dry run is spent inside the device's entry points: compiled into the device library
// by -DVRAMCAST_DEVICE_TIMES=ON, where the compiler calls these two functions around every function
// of the device. Each process writes VRAMCAST_DEVICE_TIMES.PID about once a second. What is
// measured includes the measuring itself, and the device's deliberate waits for PyTorch's watchdog.
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#define HOOK extern "C" __attribute__((no_instrument_function))

namespace {

constexpr int64_t kSecond = 1'000'000'000;

__attribute__((no_instrument_function)) int64_t Now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

thread_local int depth = 0;
thread_local int64_t entered = 0, entered_cpu = 0;
std::atomic<int64_t> inside{0}, inside_cpu{0}, calls{0}, first{0}, written{0};

__attribute__((no_instrument_function)) void Write(int64_t now) {
  const char* prefix = std::getenv("VRAMCAST_DEVICE_TIMES");
  if (prefix == nullptr) return;
  char path[4096];
  std::snprintf(path, sizeof path, "%s.%d", prefix, getpid());
  FILE* file = std::fopen(path, "w");
  if (file == nullptr) return;
  const auto seconds = [](int64_t time) { return static_cast<double>(time) / kSecond; };
  std::fprintf(file, "since the first call: %.3f s, of which inside: %.3f s\n",
               seconds(now - first), seconds(inside));
  std::fprintf(file, "CPU of the process: %.3f s, of which inside: %.3f s, %lld calls\n",
               seconds(Now(CLOCK_PROCESS_CPUTIME_ID)), seconds(inside_cpu),
               static_cast<long long>(calls.load()));
  std::fclose(file);
}

}  // namespace

HOOK void __cyg_profile_func_enter(void*, void*) {
  if (depth++ > 0) return;
  entered = Now(CLOCK_MONOTONIC);
  entered_cpu = Now(CLOCK_THREAD_CPUTIME_ID);
}

HOOK void __cyg_profile_func_exit(void*, void*) {
  if (--depth > 0) return;
  const int64_t now = Now(CLOCK_MONOTONIC);
  int64_t none = 0;
  first.compare_exchange_strong(none, entered);
  inside += now - entered;
  inside_cpu += Now(CLOCK_THREAD_CPUTIME_ID) - entered_cpu;
  ++calls;
  int64_t last = written;
  if (now - last > kSecond && written.compare_exchange_strong(last, now)) Write(now);
}
