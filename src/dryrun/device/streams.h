// Streams and events of a device whose work is always done: what matters is who is told so, and
// when. PyTorch's NCCL watchdog, a thread that polls ten times a second, keeps the buffers of a
// collective alive until an event has passed; told at once, it would drop them at a moment of its
// own. Here the moment is fixed.
//
// The lifetime that is assumed: a collective's buffers live until the first collective that is
// issued after the host has waited for the device (the next optimizer step, in training), or until
// the host has waited kLongestWaits times since. That is the longest that a real GPU allows to a
// program which keeps it busy; at that moment the calling thread waits until the watchdog has let
// go. What an optimizer's step has just handed over, the watchdog has not seen if the collective
// comes right after the wait, less than kWorkBetween kernels later: nanochat's midtraining asks
// before each step whether the data have ended, and needed 75,422.02 MiB on eight H100 all the
// same.
#pragma once

#include <cstdint>

namespace vramcast::device {

inline constexpr uint64_t kLongestWaits = 16;
inline constexpr uint64_t kWorkBetween = 32;

// The host waited for the device: synchronised, or read a result.
void HostWaited();
// A collective is about to be issued, and has been issued on `stream`.
void BeforeCollective();
void AfterCollective(void* stream);
// An event was recorded on `stream` as number `serial` of all records.
void Recorded(void* stream, const void* event, uint64_t serial);
void Forgotten(const void* event);
// Whether the watchdog may see the record as finished.
bool PassedForWatchdog(const void* event, uint64_t serial);
bool IsWatchdogThread();

uint64_t NextSerial();

}  // namespace vramcast::device
