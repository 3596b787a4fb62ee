// A made-up libnvidia-ml.so.1: it reports the machine that the JSON file in VRAMCAST_FAKE_NVML
// describes. Built twice: with the calls of drivers since 2021, and (FAKE_NVML_OLD) only with those
// of 2018, whose names have no _v2 and _v3.
//
//   {"init": 0, "driver": "570.86.15", "cuda": 12080, "gpus": [
//     {"name": …, "uuid": …, "bus": …, "capability": [8, 6], "ecc": 1, "mig": 1, "utilization": 0,
//      "temperature": 40, "total_mib": 24576, "reserved_mib": 440, "used_mib": [100, 120],
//      "processes": [{"pid": 17, "used_mib": 512, "gi": 1, "ci": 0}], "graphics": […],
//      "instances": [{"name": …, "uuid": …, "gi": 1, "ci": 0, "sms": 14, "total_mib": …,
//      "used_mib": …}], "refuse": ["processes"]}]}
// What is left out is "not supported". A list of values is one value a sample, the last one stays.
// A pid is a number, "self" or "parent". "lost_after": 3 lets a GPU fall off the bus after three
// looks at its memory; "gone": [10, 14] at the top lets the whole driver be away from the tenth to
// the fourteenth call that needs it, starting included. "hang_after": 3 never answers again.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

constexpr int kSuccess = 0, kNotSupported = 3, kNoPermission = 4, kNotFound = 6, kTooSmall = 7,
              kUninitialized = 1, kDriverNotLoaded = 9, kGpuIsLost = 15;

json& Script() {
  static json script;
  return script;
}

// A GPU or an instance: NVML's handles point to these.
struct Handle {
  const json* facts = nullptr;
  std::vector<Handle> instances;
  std::map<std::string, size_t> asked;  // by key: how often a list was read
};

std::vector<Handle>& Gpus() {
  static std::vector<Handle> gpus;
  return gpus;
}

// The value of a key now; null if the script has none or refuses it.
json Value(Handle* handle, const char* key) {
  const json& facts = *handle->facts;
  if (!facts.contains(key)) return nullptr;
  const json& value = facts[key];
  const bool series = value.is_array() && !value.empty() && value[0].is_number() &&
                      std::strcmp(key, "capability") != 0;
  if (!series) return value;
  const size_t at = handle->asked[key]++;
  return value[std::min(at, value.size() - 1)];
}

int Copy(const json& value, char* into, unsigned int length) {
  if (!value.is_string()) return kNotSupported;
  const auto text = value.get<std::string>();
  if (text.size() + 1 > length) return kTooSmall;
  std::memcpy(into, text.c_str(), text.size() + 1);
  return kSuccess;
}

int Number(const json& value, unsigned int* into) {
  if (!value.is_number()) return kNotSupported;
  *into = value.get<unsigned int>();
  return kSuccess;
}

bool Refused(const Handle* handle, const char* what) {
  const json& facts = *handle->facts;
  if (!facts.contains("refuse")) return false;
  for (const json& refused : facts["refuse"]) {
    if (refused == what) return true;
  }
  return false;
}

unsigned int Pid(const json& pid) {
  if (pid == "self") return static_cast<unsigned int>(getpid());
  if (pid == "parent") return static_cast<unsigned int>(getppid());
  return pid.get<unsigned int>();
}

constexpr unsigned long long kMiB = 1 << 20;

struct OldProcess {
  unsigned int pid;
  unsigned long long used;
};
struct NewProcess {
  unsigned int pid;
  unsigned long long used;
  unsigned int gi, ci;
};

unsigned long long UsedBy(Handle* handle, const json& process, size_t index) {
  if (!process.contains("used_mib") || process["used_mib"].is_null()) return ~0ULL;
  const json& used = process["used_mib"];
  if (!used.is_array()) return used.get<unsigned long long>() * kMiB;
  const size_t at = handle->asked["process" + std::to_string(index)]++;
  return used[std::min(at, used.size() - 1)].get<unsigned long long>() * kMiB;
}

template <typename Info>
int Processes(Handle* handle, const char* kind, unsigned int* count, Info* infos) {
  if (Refused(handle, "processes")) return kNoPermission;
  const json none = json::array();
  const json& list = handle->facts->contains(kind) ? (*handle->facts)[kind] : none;
  const unsigned int room = *count;
  *count = static_cast<unsigned int>(list.size());
  if (room < list.size()) return kTooSmall;
  for (size_t i = 0; i < list.size(); ++i) {
    Info info{};
    info.pid = Pid(list[i]["pid"]);
    info.used = UsedBy(handle, list[i], i);
    if constexpr (requires { info.gi; }) {
      info.gi = list[i].value("gi", ~0U);
      info.ci = list[i].value("ci", ~0U);
    }
    infos[i] = info;
  }
  return kSuccess;
}

// Whether the driver is away now. The count outlives this library, which is unloaded meanwhile.
bool DriverIsGone() {
  if (!Script().contains("gone")) return false;
  const char* so_far = std::getenv("VRAMCAST_FAKE_NVML_CALLS");
  const int calls = so_far == nullptr ? 0 : std::atoi(so_far);
  setenv("VRAMCAST_FAKE_NVML_CALLS", std::to_string(calls + 1).c_str(), 1);
  return calls >= Script()["gone"][0].get<int>() && calls < Script()["gone"][1].get<int>();
}

// Counts looks at a GPU's memory against the limit that the script sets.
bool IsBeyond(Handle* handle, const char* limit) {
  return handle->facts->contains(limit) &&
         handle->asked[limit]++ >= (*handle->facts)[limit].get<size_t>();
}

struct OldMemory {
  unsigned long long total, free, used;
};
struct NewMemory {
  unsigned int version;
  unsigned long long total, reserved, free, used;
};

struct Amounts {
  unsigned long long total = 0, reserved = 0, used = 0;
};
int ReadAmounts(Handle* handle, Amounts* amounts) {
  if (Refused(handle, "memory")) return kNoPermission;
  if (DriverIsGone()) return kUninitialized;
  if (IsBeyond(handle, "lost_after")) return kGpuIsLost;
  while (IsBeyond(handle, "hang_after")) sleep(1000);
  const json total = Value(handle, "total_mib");
  if (!total.is_number()) return kNotSupported;
  const json used = Value(handle, "used_mib");
  amounts->total = total.get<unsigned long long>() * kMiB;
  amounts->reserved = handle->facts->value("reserved_mib", 0ULL) * kMiB;
  amounts->used = used.is_number() ? used.get<unsigned long long>() * kMiB : 0;
  return kSuccess;
}

}  // namespace

#ifdef FAKE_NVML_OLD
#define NEWER(name, version) name
#else
#define NEWER(name, version) name##version
#endif

extern "C" {

int NEWER(nvmlInit, _v2)() {
  const char* path = std::getenv("VRAMCAST_FAKE_NVML");
  if (path == nullptr) return kDriverNotLoaded;
  std::ifstream file(path);
  Script() = json::parse(file, nullptr, false);
  if (Script().is_discarded()) return kDriverNotLoaded;
  if (const int code = Script().value("init", 0); code != 0) return code;
  if (DriverIsGone()) return kDriverNotLoaded;
  Gpus().clear();
  for (const json& facts : Script()["gpus"]) {
    Handle gpu{.facts = &facts, .instances = {}, .asked = {}};
    if (facts.contains("instances")) {
      for (const json& instance : facts["instances"]) {
        gpu.instances.push_back({.facts = &instance, .instances = {}, .asked = {}});
      }
    }
    Gpus().push_back(std::move(gpu));
  }
  return kSuccess;
}

int nvmlShutdown() { return kSuccess; }
const char* nvmlErrorString(int) { return "made up"; }

int nvmlSystemGetDriverVersion(char* version, unsigned int length) {
  return Copy(Script().value("driver", json()), version, length);
}

int NEWER(nvmlSystemGetCudaDriverVersion, _v2)(int* version) {
  if (!Script().contains("cuda")) return kNotSupported;
  *version = Script()["cuda"].get<int>();
  return kSuccess;
}

int NEWER(nvmlDeviceGetCount, _v2)(unsigned int* count) {
  *count = static_cast<unsigned int>(Gpus().size());
  return kSuccess;
}

int NEWER(nvmlDeviceGetHandleByIndex, _v2)(unsigned int index, Handle** handle) {
  if (index >= Gpus().size()) return kNotFound;
  *handle = &Gpus()[index];
  return (*handle)->facts->value("open", 0);
}

int nvmlDeviceGetName(Handle* handle, char* name, unsigned int length) {
  return Copy(Value(handle, "name"), name, length);
}
int nvmlDeviceGetUUID(Handle* handle, char* uuid, unsigned int length) {
  return Copy(Value(handle, "uuid"), uuid, length);
}

int nvmlDeviceGetMemoryInfo(Handle* handle, OldMemory* memory) {
  Amounts amounts;
  if (const int code = ReadAmounts(handle, &amounts); code != kSuccess) return code;
  const unsigned long long used = amounts.used + amounts.reserved;
  *memory = {amounts.total, amounts.total - used, used};
  return kSuccess;
}

int nvmlDeviceGetCudaComputeCapability(Handle* handle, int* major, int* minor) {
  const json capability = Value(handle, "capability");
  if (!capability.is_array()) return kNotSupported;
  *major = capability[0].get<int>();
  *minor = capability[1].get<int>();
  return kSuccess;
}

int nvmlDeviceGetEccMode(Handle* handle, unsigned int* current, unsigned int* pending) {
  *pending = 0;
  return Number(Value(handle, "ecc"), current);
}

struct Utilization {
  unsigned int gpu, memory;
};
int nvmlDeviceGetUtilizationRates(Handle* handle, Utilization* utilization) {
  utilization->memory = 0;
  return Number(Value(handle, "utilization"), &utilization->gpu);
}

int nvmlDeviceGetTemperature(Handle* handle, int, unsigned int* celsius) {
  return Number(Value(handle, "temperature"), celsius);
}

#ifdef FAKE_NVML_OLD
int nvmlDeviceGetComputeRunningProcesses(Handle* handle, unsigned int* count, OldProcess* infos) {
  return Processes(handle, "processes", count, infos);
}
int nvmlDeviceGetGraphicsRunningProcesses(Handle* handle, unsigned int* count, OldProcess* infos) {
  return Processes(handle, "graphics", count, infos);
}
#else
struct PciInfo {
  char legacy[16];
  unsigned int domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
int nvmlDeviceGetPciInfo_v3(Handle* handle, PciInfo* pci) {
  *pci = {};
  return Copy(Value(handle, "bus"), pci->bus_id, sizeof pci->bus_id);
}

int nvmlDeviceGetMemoryInfo_v2(Handle* handle, NewMemory* memory) {
  if (memory->version != (sizeof(NewMemory) | (2U << 24U))) return 25;  // argument version mismatch
  Amounts amounts;
  if (const int code = ReadAmounts(handle, &amounts); code != kSuccess) return code;
  memory->total = amounts.total;
  memory->reserved = amounts.reserved;
  memory->used = amounts.used;
  memory->free = amounts.total - amounts.reserved - amounts.used;
  return kSuccess;
}

int nvmlDeviceGetComputeRunningProcesses_v3(Handle* handle, unsigned int* count,
                                            NewProcess* infos) {
  return Processes(handle, "processes", count, infos);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Handle* handle, unsigned int* count,
                                             NewProcess* infos) {
  return Processes(handle, "graphics", count, infos);
}

int nvmlDeviceGetMigMode(Handle* handle, unsigned int* current, unsigned int* pending) {
  *pending = 0;
  return Number(Value(handle, "mig"), current);
}
int nvmlDeviceGetMaxMigDeviceCount(Handle*, unsigned int* count) {
  *count = 7;
  return kSuccess;
}
int nvmlDeviceGetMigDeviceHandleByIndex(Handle* handle, unsigned int index, Handle** instance) {
  if (index >= handle->instances.size()) return kNotFound;
  *instance = &handle->instances[index];
  return kSuccess;
}
int nvmlDeviceGetGpuInstanceId(Handle* handle, unsigned int* id) {
  return Number(Value(handle, "gi"), id);
}
int nvmlDeviceGetComputeInstanceId(Handle* handle, unsigned int* id) {
  return Number(Value(handle, "ci"), id);
}
struct Attributes {
  unsigned int multiprocessors, others[7];
  unsigned long long memory_mb;
};
int nvmlDeviceGetAttributes_v2(Handle* handle, Attributes* attributes) {
  *attributes = {};
  return Number(Value(handle, "sms"), &attributes->multiprocessors);
}
#endif

}  // extern "C"
