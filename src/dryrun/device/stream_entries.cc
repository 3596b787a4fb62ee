// Streams, events, captures and graphs.
#include <atomic>
#include <map>
#include <mutex>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/contents.h"
#include "dryrun/device/memory.h"
#include "dryrun/device/streams.h"

namespace vramcast::device {
namespace {

struct Stream {
  int device = 0;
  int priority = 0;
  unsigned flags = 0;
};

struct Event {
  std::atomic<uint64_t> serial{0};  // of its last record; 0: never recorded
};

std::mutex capture_mutex;
std::map<void*, uint64_t> captures;  // stream -> number of the capture
std::atomic<uint64_t> capture_count{0};

int CaptureState(void* stream, int* status, unsigned long long* id) {
  const std::lock_guard lock(capture_mutex);
  const auto found = captures.find(stream);
  *status = found == captures.end() ? 0 : 1;
  if (id != nullptr) *id = found == captures.end() ? 0 : found->second;
  return kSuccess;
}

int CreateStream(void** out, unsigned flags, int priority) {
  *out = new Stream{CurrentDevice(), priority, flags};
  return kSuccess;
}

int Synchronised() {
  HostWaited();
  return kSuccess;
}

}  // namespace

ENTRY(cudaStreamCreate)(void** out) { return CreateStream(out, 0, 0); }
ENTRY(cudaStreamCreateWithFlags)(void** out, unsigned flags) { return CreateStream(out, flags, 0); }
ENTRY(cudaStreamCreateWithPriority)(void** out, unsigned flags, int priority) {
  return CreateStream(out, flags, priority);
}
ENTRY(cuStreamCreate)(void** out, unsigned flags) { return CreateStream(out, flags, 0); }
ENTRY(cuStreamCreateWithPriority)(void** out, unsigned flags, int priority) {
  return CreateStream(out, flags, priority);
}
// Streams stay: PyTorch hands its own out again and never destroys them.
ENTRY(cudaStreamDestroy)(void*) { return kSuccess; }
ENTRY(cuStreamDestroy_v2)(void*) { return kSuccess; }
ENTRY(cudaStreamGetPriority)(const Stream* stream, int* priority) {
  *priority = stream == nullptr ? 0 : stream->priority;
  return kSuccess;
}
ENTRY(cudaStreamGetFlags)(const Stream* stream, unsigned* flags) {
  *flags = stream == nullptr ? 0 : stream->flags;
  return kSuccess;
}
ENTRY(cudaStreamGetDevice)(const Stream* stream, int* device) {
  *device = stream == nullptr ? CurrentDevice() : stream->device;
  return kSuccess;
}
ENTRY(cudaStreamGetId)(void* stream, unsigned long long* id) {
  *id = reinterpret_cast<uintptr_t>(stream);
  return kSuccess;
}
ENTRY(cudaDeviceGetStreamPriorityRange)(int* least, int* greatest) {
  if (least != nullptr) *least = 0;
  if (greatest != nullptr) *greatest = -5;
  return kSuccess;
}
ENTRY(cuCtxGetStreamPriorityRange)(int* least, int* greatest) {
  return vramcast_cudaDeviceGetStreamPriorityRange(least, greatest);
}
ENTRY(cudaStreamQuery)(void*) { return kSuccess; }
ENTRY(cuStreamQuery)(void*) { return kSuccess; }
ENTRY(cudaStreamWaitEvent)(void*, void*, unsigned) { return kSuccess; }
ENTRY(cuStreamWaitEvent)(void*, void*, unsigned) { return kSuccess; }
ENTRY(cudaStreamSynchronize)(void*) { return Synchronised(); }
ENTRY(cuStreamSynchronize)(void*) { return Synchronised(); }
ENTRY(cudaDeviceSynchronize)() { return Synchronised(); }
ENTRY(cuCtxSynchronize)() { return Synchronised(); }

using HostFunction = void (*)(void*);
using StreamCallback = void (*)(void*, int, void*);
ENTRY(cudaLaunchHostFunc)(void*, HostFunction function, void* data) {
  function(data);
  return kSuccess;
}
ENTRY(cudaStreamAddCallback)(void* stream, StreamCallback callback, void* data, unsigned) {
  callback(stream, kSuccess, data);
  return kSuccess;
}

ENTRY(cudaEventCreateWithFlags)(void** out, unsigned) {
  *out = new Event;
  return kSuccess;
}
ENTRY(cudaEventCreate)(void** out) { return vramcast_cudaEventCreateWithFlags(out, 0); }
ENTRY(cuEventCreate)(void** out, unsigned flags) {
  return vramcast_cudaEventCreateWithFlags(out, flags);
}
ENTRY(cudaEventDestroy)(Event* event) {
  Forgotten(event);
  delete event;
  return kSuccess;
}
ENTRY(cuEventDestroy_v2)(Event* event) { return vramcast_cudaEventDestroy(event); }
ENTRY(cudaEventRecord)(Event* event, void* stream) {
  event->serial = NextSerial();
  Recorded(stream, event, event->serial);
  return kSuccess;
}
ENTRY(cudaEventRecordWithFlags)(Event* event, void* stream, unsigned) {
  return vramcast_cudaEventRecord(event, stream);
}
ENTRY(cuEventRecord)(Event* event, void* stream) { return vramcast_cudaEventRecord(event, stream); }
ENTRY(cudaEventQuery)(const Event* event) {
  if (event->serial == 0 || !IsWatchdogThread()) return kSuccess;
  return PassedForWatchdog(event, event->serial) ? kSuccess : kNotReady;
}
ENTRY(cuEventQuery)(const Event* event) { return vramcast_cudaEventQuery(event); }
ENTRY(cudaEventSynchronize)(void*) { return Synchronised(); }
ENTRY(cuEventSynchronize)(void*) { return Synchronised(); }
// Events are one millisecond apart, so that a program which divides by a duration lives.
ENTRY(cudaEventElapsedTime)(float* milliseconds, const Event* start, const Event* end) {
  const int64_t apart = static_cast<int64_t>(end->serial - start->serial);
  *milliseconds = apart == 0 ? 1.0f : static_cast<float>(apart);
  return kSuccess;
}
ENTRY(cudaEventElapsedTime_v2)(float* milliseconds, const Event* start, const Event* end) {
  return vramcast_cudaEventElapsedTime(milliseconds, start, end);
}
ENTRY(cuEventElapsedTime)(float* milliseconds, const Event* start, const Event* end) {
  return vramcast_cudaEventElapsedTime(milliseconds, start, end);
}

ENTRY(cudaStreamBeginCapture)(void* stream, int) {
  const std::lock_guard lock(capture_mutex);
  captures[stream] = ++capture_count;
  return kSuccess;
}
ENTRY(cudaStreamEndCapture)(void* stream, void** graph) {
  const std::lock_guard lock(capture_mutex);
  captures.erase(stream);
  *graph = NewHandle();
  return kSuccess;
}
ENTRY(cudaStreamIsCapturing)(void* stream, int* status) {
  return CaptureState(stream, status, nullptr);
}
// Versions 2 and 3 have further results, which may be null and stay as they are.
ENTRY(cudaStreamGetCaptureInfo)(void* stream, int* status, unsigned long long* id) {
  return CaptureState(stream, status, id);
}
ENTRY(cudaStreamGetCaptureInfo_v2)
(void* stream, int* status, unsigned long long* id, void** graph, const void** dependencies,
 size_t* count) {
  if (graph != nullptr) *graph = nullptr;
  if (dependencies != nullptr) *dependencies = nullptr;
  if (count != nullptr) *count = 0;
  return CaptureState(stream, status, id);
}
ENTRY(cudaGraphInstantiate)(void** out, void*, unsigned long long) {
  *out = NewHandle();
  return kSuccess;
}
ENTRY(cudaGraphInstantiateWithFlags)(void** out, void*, unsigned long long) {
  *out = NewHandle();
  return kSuccess;
}
ENTRY(cudaGraphCreate)(void** out, unsigned) {
  *out = NewHandle();
  return kSuccess;
}
ENTRY(cudaGraphGetNodes)(void*, void**, size_t* count) {
  *count = 1;  // PyTorch warns about a graph without any
  return kSuccess;
}
ENTRY(cudaGraphLaunch)(void*, void*) {
  KernelLaunched();
  return kSuccess;
}

}  // namespace vramcast::device
