// A device that answers as the recording says: it refuses when cached memory was given back first,
// and hands out the addresses that were handed out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "allocator/device.h"
#include "trace/trace.h"

namespace vramcast {

class RecordedDevice final : public Device {
 public:
  struct Operation {
    Action action;
    uint64_t address;
    int64_t size;
  };

  // What the recording shows before the next allocation, in order; consumed as it is predicted.
  std::deque<Operation> expected;
  uint32_t predicted = 0;

  std::optional<uint64_t> Allocate(const Request& request) override {
    if (expected.empty() || expected.front().action != Action::kSegmentAlloc) return std::nullopt;
    const Operation next = expected.front();
    expected.pop_front();
    if (next.size == request.size) ++predicted;
    return next.address;
  }
  void Free(uint64_t address, const Request& request) override {
    Take(Action::kSegmentFree, address, request.size);
  }
  uint64_t Reserve(const Request& request) override {
    for (const Operation& next : expected) {
      if (next.action == Action::kSegmentMap) return next.address;
    }
    fresh_ += static_cast<uint64_t>(request.size);
    return fresh_ - static_cast<uint64_t>(request.size);
  }
  bool Map(uint64_t address, const Request& request) override {
    if (expected.empty() || expected.front().action != Action::kSegmentMap) return false;
    return Take(Action::kSegmentMap, address, request.size);
  }
  void Unmap(uint64_t address, const Request& request) override {
    Take(Action::kSegmentUnmap, address, request.size);
  }
  std::optional<Bytes> FreeBytes() const override { return free_bytes; }
  std::optional<Bytes> total() const override { return std::nullopt; }

  std::optional<Bytes> free_bytes;

 private:
  bool Take(Action action, uint64_t address, int64_t size) {
    const auto at = std::find_if(expected.begin(), expected.end(), [&](const Operation& next) {
      return next.action == action && next.address == address && next.size == size;
    });
    if (at == expected.end()) return false;
    expected.erase(at);
    ++predicted;
    return true;
  }

  uint64_t fresh_ = 0x1000'0000'0000;  // where no recorded address is
};

}  // namespace vramcast
