// The GPU beneath the allocator: so many bytes, some of them already taken. It refuses when it is
// full, and it hands out addresses as cudaMalloc does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "allocator/block.h"
#include "base/bytes.h"

namespace vramcast {

// From which end of the address space fresh segments come. It only decides between equally good
// free blocks. Linux's CUDA driver goes up (recorded snapshots of 2.1 to 2.11).
enum class AddressOrder : uint8_t { kUp, kDown };

struct DeviceSpec {
  std::optional<Bytes> total;  // as the driver reports it; nothing: never full
  Bytes other_processes = {};  // what other processes hold
  Bytes context = {};  // what this process holds outside PyTorch's pool (CUDA context, NCCL)
  AddressOrder address_order = AddressOrder::kUp;
};

// What the allocator asks of a device. Sizes and addresses are bytes.
class Device {
 public:
  struct Request {
    int64_t size = 0;
    StreamId stream = 0;
    PoolId pool = 0;
  };
  virtual ~Device() = default;

  virtual std::optional<uint64_t> Allocate(const Request& request) = 0;  // cudaMalloc
  virtual void Free(uint64_t address, const Request& request) = 0;       // cudaFree
  virtual uint64_t Reserve(const Request& request) = 0;                  // cuMemAddressReserve
  virtual bool Map(uint64_t address, const Request& request) = 0;        // cuMemCreate, cuMemMap
  virtual void Unmap(uint64_t address, const Request& request) = 0;
  virtual std::optional<Bytes> FreeBytes() const = 0;  // cudaMemGetInfo
  virtual std::optional<Bytes> total() const = 0;
};

// A made-up device of a given size.
class SimulatedDevice final : public Device {
 public:
  explicit SimulatedDevice(const DeviceSpec& spec) : spec_(spec) {}

  // Takes memory that the program held before the first event.
  void Occupy(uint64_t address, int64_t size);
  void OccupyRange(uint64_t address, int64_t size);  // address space only

  std::optional<uint64_t> Allocate(const Request& request) override;
  void Free(uint64_t address, const Request& request) override;
  uint64_t Reserve(const Request& request) override;
  bool Map(uint64_t address, const Request& request) override;
  void Unmap(uint64_t address, const Request& request) override;
  std::optional<Bytes> FreeBytes() const override;
  std::optional<Bytes> total() const override { return spec_.total; }
  Bytes used() const { return Bytes(used_); }  // by segments, in pages

  // Which sizes would have made no difference until now: a device with at least `room_from` and
  // less than `room_below` bytes for this process would have granted and refused the same.
  Bytes room_from() const { return Bytes(most_used_); }
  Bytes room_below() const { return Bytes(least_refused_); }

 private:
  bool Charge(int64_t size);
  uint64_t Place(int64_t size);

  DeviceSpec spec_;
  int64_t used_ = 0;  // by segments, in pages of 2 MiB
  int64_t most_used_ = 0;
  int64_t least_refused_ = INT64_MAX;
  std::map<uint64_t, uint64_t> ranges_;  // taken address space: begin to end
};

}  // namespace vramcast
