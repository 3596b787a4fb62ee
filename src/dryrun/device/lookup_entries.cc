// Entry points that are asked for by name at run time, names that nobody implemented, and errors.
#include <dlfcn.h>

#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"

namespace vramcast::device {
namespace {

thread_local int last_error = kSuccess;

std::mutex unknown_mutex;
std::set<std::string>& Unknown() {
  static auto* names = new std::set<std::string>;
  return *names;
}

// Whether a name sounds as if the function wrote a result that the caller then uses.
bool ReturnsData(const std::string& name) {
  for (const char* part : {"Get", "Query", "bufferSize", "BufferSize", "WorkspaceSize", "Count"}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

int Succeed() { return kSuccess; }

// This library itself, which may have been loaded without making its names global.
void* Self() {
  static void* self = [] {
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(&Succeed), &info) == 0) return RTLD_DEFAULT;
    void* handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    return handle == nullptr ? RTLD_DEFAULT : handle;
  }();
  return self;
}

void* FindEntry(const std::string& name) {
  for (const char* suffix : {"", "_v2", "_v3"}) {
    if (void* found = dlsym(Self(), ("vramcast_" + name + suffix).c_str())) return found;
  }
  return nullptr;
}

void* LookUp(const char* name) {
  if (void* found = FindEntry(name)) return found;
  if (ReturnsData(name)) {
    const std::lock_guard lock(unknown_mutex);
    Unknown().insert(name);
  }
  return reinterpret_cast<void*>(&Succeed);
}

const char* NameOf(int error) {
  switch (error) {
    case kSuccess:
      return "cudaSuccess";
    case kInvalidValue:
      return "cudaErrorInvalidValue";
    case kOutOfMemory:
      return "cudaErrorMemoryAllocation";
    case kInvalidDevice:
      return "cudaErrorInvalidDevice";
    case kNotReady:
      return "cudaErrorNotReady";
    default:
      return "cudaErrorUnknown";
  }
}

// The runtime's own words (cudaGetErrorString, CUDA 12.8).
const char* WordsOf(int error) {
  switch (error) {
    case kSuccess:
      return "no error";
    case kInvalidValue:
      return "invalid argument";
    case kOutOfMemory:
      return "out of memory";
    case kInvalidDevice:
      return "invalid device ordinal";
    case kNotReady:
      return "device not ready";
    default:
      return "unknown error";
  }
}

}  // namespace

int Fail(Error error) {
  last_error = error;
  return error;
}

void* NewHandle() {
  // Distinct addresses of memory that exists, in case a header-only wrapper peeks.
  return new char[256]();
}

// Called by vramcast_unknown with the name of what was called.
VRAMCAST_EXPORT void vramcast_note_unknown(const char* name) {
  std::string text = name;
  if (!ReturnsData(text)) return;
  const std::lock_guard lock(unknown_mutex);
  Unknown().insert(std::move(text));
}

// Names of the unknown entry points that were called and seem to return data, separated by spaces;
// as many as fit. Returns their number.
VRAMCAST_EXPORT int vramcast_device_unknown(char* out, size_t size) {
  const std::lock_guard lock(unknown_mutex);
  std::string text;
  for (const std::string& name : Unknown()) {
    if (text.size() + name.size() + 2 > size) break;
    if (!text.empty()) text += ' ';
    text += name;
  }
  if (size > 0) std::memcpy(out, text.c_str(), text.size() + 1);
  return static_cast<int>(Unknown().size());
}

ENTRY(cudaGetLastError)() {
  const int error = last_error;
  last_error = kSuccess;
  return error;
}
ENTRY(cudaPeekAtLastError)() { return last_error; }
VRAMCAST_EXPORT const char* vramcast_cudaGetErrorName(int error) { return NameOf(error); }
VRAMCAST_EXPORT const char* vramcast_cudaGetErrorString(int error) { return WordsOf(error); }
ENTRY(cuGetErrorString)(int error, const char** text) {
  *text = WordsOf(error);
  return kSuccess;
}
ENTRY(cuGetErrorName)(int error, const char** text) {
  *text = NameOf(error);
  return kSuccess;
}

ENTRY(cudaGetDriverEntryPoint)
(const char* name, void** function, unsigned long long, int* status) {
  *function = LookUp(name);
  if (status != nullptr) *status = 0;
  return kSuccess;
}
ENTRY(cudaGetDriverEntryPointByVersion)
(const char* name, void** function, unsigned, unsigned long long flags, int* status) {
  return vramcast_cudaGetDriverEntryPoint(name, function, flags, status);
}
ENTRY(cuGetProcAddress_v2)
(const char* name, void** function, int, uint64_t, int* status) {
  *function = LookUp(name);
  if (status != nullptr) *status = 0;
  return kSuccess;
}
ENTRY(cuGetProcAddress)(const char* name, void** function, int, uint64_t) {
  *function = LookUp(name);
  return kSuccess;
}

}  // namespace vramcast::device

// Where the generated libraries send what is not implemented: the name is in r11. Everything that
// the caller does not expect to survive a call may be used.
asm(R"(
  .text
  .globl vramcast_unknown
  .type vramcast_unknown, @function
vramcast_unknown:
  mov %r11, %rdi
  sub $8, %rsp
  call vramcast_note_unknown@PLT
  add $8, %rsp
  xor %eax, %eax
  ret
  .size vramcast_unknown, . - vramcast_unknown
)");
