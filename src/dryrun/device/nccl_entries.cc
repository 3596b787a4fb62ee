// NCCL for one rank that stands for all: a collective returns what this rank would see if the
// others had sent the same.
#include <cstring>

#include "dryrun/device/api.h"
#include "dryrun/device/config.h"
#include "dryrun/device/contents.h"
#include "dryrun/device/memory.h"
#include "dryrun/device/streams.h"

namespace vramcast::device {
namespace {

struct Communicator {
  int ranks = 1;
  int rank = 0;
  int device = 0;
  bool charged = false;
};

int Create(Communicator** out, int ranks, int rank) {
  auto* made = new Communicator{ranks, rank, CurrentDevice(), false};
  const uint64_t bytes = GetConfig().communicator;
  if (ranks > 1 && bytes > 0) {
    made->charged = Charge(made->device, bytes);
    if (!made->charged) {
      delete made;
      return 1;  // ncclUnhandledCudaError, as NCCL says when cudaMalloc fails
    }
  }
  *out = made;
  return kSuccess;
}

// ncclDataType_t (nccl.h 2.27): int8, uint8, int32, uint32, int64, uint64, half, float, double,
// bfloat16, float8 twice.
size_t SizeOf(int type) {
  constexpr size_t kSizes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2, 1, 1};
  return type >= 0 && type < 12 ? kSizes[type] : 1;
}

void Carry(void* to, const void* from, size_t size) {
  if (to != nullptr && from != nullptr && to != from) {
    MoveContents(static_cast<char*>(to), static_cast<const char*>(from), size);
  }
}

int Issued(void* stream) {
  AfterCollective(stream);
  return kSuccess;
}

struct UniqueId {
  char bytes[128];
};

}  // namespace

ENTRY(ncclGetVersion)(int* version) {
  *version = GetConfig().nccl_version;
  return kSuccess;
}
ENTRY(ncclGetUniqueId)(UniqueId* id) {
  std::memset(id->bytes, 1, sizeof id->bytes);
  return kSuccess;
}
ENTRY(ncclCommInitRank)(Communicator** out, int ranks, UniqueId, int rank) {
  return Create(out, ranks, rank);
}
ENTRY(ncclCommInitRankConfig)(Communicator** out, int ranks, UniqueId, int rank, void*) {
  return Create(out, ranks, rank);
}
ENTRY(ncclCommInitRankScalable)(Communicator** out, int ranks, int rank, int, void*, void*) {
  return Create(out, ranks, rank);
}
ENTRY(ncclCommInitAll)(Communicator** out, int count, const int*) {
  for (int i = 0; i < count; ++i) {
    if (const int error = Create(out + i, count, i); error != kSuccess) return error;
  }
  return kSuccess;
}
// The members of a part are not told: as many as the whole at most, this rank the first.
ENTRY(ncclCommSplit)(const Communicator* whole, int color, int, Communicator** out, void*) {
  if (color < 0) {
    *out = nullptr;
    return kSuccess;
  }
  return Create(out, whole->ranks, whole->rank);
}
ENTRY(ncclCommDestroy)(Communicator* communicator) {
  if (communicator != nullptr && communicator->charged) {
    Uncharge(communicator->device, GetConfig().communicator);
    communicator->charged = false;
  }
  return kSuccess;
}
ENTRY(ncclCommAbort)(Communicator* communicator) { return vramcast_ncclCommDestroy(communicator); }
ENTRY(ncclCommFinalize)(Communicator*) { return kSuccess; }
ENTRY(ncclCommCount)(const Communicator* communicator, int* count) {
  *count = communicator->ranks;
  return kSuccess;
}
ENTRY(ncclCommUserRank)(const Communicator* communicator, int* rank) {
  *rank = communicator->rank;
  return kSuccess;
}
ENTRY(ncclCommCuDevice)(const Communicator* communicator, int* device) {
  *device = communicator->device;
  return kSuccess;
}
ENTRY(ncclCommGetAsyncError)(const Communicator*, int* error) {
  *error = kSuccess;
  return kSuccess;
}
VRAMCAST_EXPORT const char* vramcast_ncclGetErrorString(int error) {
  return error == 0 ? "no error" : "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
}
VRAMCAST_EXPORT const char* vramcast_ncclGetLastError(const Communicator*) {
  return "out of device memory";
}
ENTRY(ncclGroupStart)() {
  BeforeCollective();
  return kSuccess;
}
ENTRY(ncclGroupEnd)() { return kSuccess; }

ENTRY(ncclAllReduce)
(const void* from, void* to, size_t count, int type, int, Communicator*, void* stream) {
  BeforeCollective();
  Carry(to, from, count * SizeOf(type));
  return Issued(stream);
}
ENTRY(ncclReduce)
(const void* from, void* to, size_t count, int type, int, int root, Communicator* communicator,
 void* stream) {
  BeforeCollective();
  if (communicator->rank == root) Carry(to, from, count * SizeOf(type));
  return Issued(stream);
}
ENTRY(ncclBroadcast)
(const void* from, void* to, size_t count, int type, int root, Communicator* communicator,
 void* stream) {
  BeforeCollective();
  if (communicator->rank == root) Carry(to, from, count * SizeOf(type));
  return Issued(stream);
}
ENTRY(ncclBcast)(void*, size_t, int, int, Communicator*, void* stream) {
  BeforeCollective();
  return Issued(stream);
}
ENTRY(ncclReduceScatter)
(const char* from, void* to, size_t count, int type, int, Communicator* communicator,
 void* stream) {
  BeforeCollective();
  const size_t size = count * SizeOf(type);
  Carry(to, from + static_cast<size_t>(communicator->rank) * size, size);
  return Issued(stream);
}
ENTRY(ncclAllGather)
(const void* from, char* to, size_t count, int type, Communicator* communicator, void* stream) {
  BeforeCollective();
  const size_t size = count * SizeOf(type);
  for (int rank = 0; rank < communicator->ranks; ++rank) {
    Carry(to + static_cast<size_t>(rank) * size, from, size);
  }
  return Issued(stream);
}
ENTRY(ncclSend)(const void*, size_t, int, int, Communicator*, void* stream) {
  BeforeCollective();
  return Issued(stream);
}
ENTRY(ncclRecv)(void*, size_t, int, int, Communicator*, void* stream) {
  BeforeCollective();
  return Issued(stream);
}

}  // namespace vramcast::device
