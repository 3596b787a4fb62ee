#include "crashlog/ledger.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vramcast::crashlog {
namespace {

using SizeField = std::optional<Bytes> OomEvent::*;

constexpr std::array kSizes = {
    &OomEvent::requested,         &OomEvent::total,           &OomEvent::free,
    &OomEvent::allocated,         &OomEvent::reserved,        &OomEvent::reserved_unallocated,
    &OomEvent::process_in_use,    &OomEvent::allowed,         &OomEvent::private_pools,
    &OomEvent::other_allocations, &OomEvent::library_request, &OomEvent::available_cache,
};

// Messages of one death stand close together.
constexpr uint64_t kNearLines = 30;
constexpr uint64_t kNearBytes = 6 << 10;
// What is told without any number is told again within this.
constexpr uint64_t kEchoLines = 200;

bool HasSizes(const OomEvent& e) {
  return std::any_of(kSizes.begin(), kSizes.end(), [&](SizeField f) { return (e.*f).has_value(); });
}

bool Agree(const std::optional<int64_t>& a, const std::optional<int64_t>& b) {
  return !a || !b || *a == *b;
}

bool SameProcess(const OomEvent& a, const OomEvent& b) {
  return Agree(a.rank, b.rank) && Agree(a.pid, b.pid) && Agree(a.device, b.device);
}

bool SizesAgree(const OomEvent& a, const OomEvent& b) {
  return std::all_of(kSizes.begin(), kSizes.end(),
                     [&](SizeField f) { return !(a.*f) || !(b.*f) || *(a.*f) == *(b.*f); });
}

bool Near(const Place& last, const Place& fresh) {
  return fresh.line <= last.line + kNearLines && fresh.offset <= last.offset + kNearBytes;
}

// TensorFlow asks for its pool again with a tenth less each time
// (tsl/framework/bfc_allocator.cc, kBackpedalFactor 0.9).
bool IsNextTry(Bytes before, Bytes now) {
  const double ratio = static_cast<double>(now.count()) / static_cast<double>(before.count());
  return ratio > 0.85 && ratio < 0.95;
}

template <typename T>
void FillIn(std::optional<T>& field, const std::optional<T>& other) {
  if (!field) {
    field = other;
  }
}

void Absorb(OomEvent& event, const OomEvent& fresh) {
  // The message with the numbers is the one to explain; where the death was first told stays.
  const bool vague = event.wording == Wording::kCudaError || event.wording == Wording::kOtherGpu;
  if (!HasSizes(event) && (HasSizes(fresh) || vague)) {
    event.wording = fresh.wording;
    if (fresh.framework != Framework::kUnknown) {
      event.framework = fresh.framework;
    }
    event.is_vram_oom = fresh.is_vram_oom;
  }
  for (const SizeField field : kSizes) {
    FillIn(event.*field, fresh.*field);
  }
  FillIn(event.rank, fresh.rank);
  FillIn(event.pid, fresh.pid);
  FillIn(event.device, fresh.device);
  if (event.version.empty()) {
    event.version = fresh.version;
  }
  if (event.framework == Framework::kUnknown || fresh.framework == Framework::kLibtorch) {
    event.framework = fresh.framework;
  }
  if (event.other_processes.empty()) {
    event.other_processes = fresh.other_processes;
  }
  if (event.shape.empty()) {
    event.shape = fresh.shape;
  }
  ++event.repeats;
}

}  // namespace

std::optional<size_t> Ledger::Fold(const OomEvent& fresh, Place end) {
  const Memory memory = MemoryOf(fresh.wording);
  // The newest first: an echo stands close to what it repeats.
  for (size_t i = entries_.size(); i-- > 0;) {
    Entry& entry = entries_[i];
    OomEvent& event = entry.event;
    if (entry.pool && fresh.wording == Wording::kTensorflowPool && fresh.requested) {
      if (*fresh.requested == *entry.pool || IsNextTry(*entry.pool, *fresh.requested)) {
        if (*fresh.requested != *entry.pool) {
          event.wording = Wording::kPoolBackOff;
          event.is_vram_oom = false;
          event.requested.reset();  // a series of tries has no one request
        }
        entry.pool = fresh.requested;
        entry.last = end;
        ++event.repeats;
        return i;
      }
      continue;
    }
    if (!SameProcess(event, fresh)) {
      continue;
    }
    const bool numbers = HasSizes(event);
    const bool fresh_numbers = HasSizes(fresh);
    const bool near = Near(entry.last, fresh.place);
    bool same = false;
    if (event.wording == fresh.wording) {
      same = SizesAgree(event, fresh) &&
             (numbers && fresh_numbers
                  ? near ||
                        (event.requested == fresh.requested && event.total == fresh.total &&
                         event.free == fresh.free && event.allocated == fresh.allocated) ||
                        fresh.place.line <= entry.last.line + kEchoLines
                  : near || (!numbers && !fresh_numbers &&
                             fresh.place.line <= entry.last.line + kEchoLines));
    } else if (memory != Memory::kNone && MemoryOf(event.wording) == memory) {
      same = near && !(numbers && fresh_numbers);
    }
    if (same) {
      Absorb(event, fresh);
      if (event.wording == Wording::kTensorflowPool) {
        entry.pool = event.requested;
      }
      entry.last = end;
      return i;
    }
  }
  return std::nullopt;
}

bool Ledger::Add(OomEvent event, Place end) {
  if (entries_.size() >= kMost) {
    ++dropped_;
    return false;
  }
  Entry entry{std::move(event), end, {}};
  if (entry.event.wording == Wording::kTensorflowPool) {
    entry.pool = entry.event.requested;
  }
  entries_.push_back(std::move(entry));
  return true;
}

bool Ledger::has_vram_oom() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& e) { return e.event.is_vram_oom; });
}

std::vector<OomEvent> Ledger::Close(bool bad_index) {
  bool other_vram = false;
  for (const Entry& entry : entries_) {
    bad_index = bad_index || entry.event.wording == Wording::kDeviceAssert;
    other_vram = other_vram ||
                 (entry.event.is_vram_oom && entry.event.wording != Wording::kCublasAllocFailed);
  }
  std::vector<OomEvent> events;
  for (Entry& entry : entries_) {
    OomEvent& event = entry.event;
    const bool library = event.wording == Wording::kCublasAllocFailed ||
                         event.wording == Wording::kCublasNotInitialized ||
                         event.wording == Wording::kCudnnAllocFailed ||
                         event.wording == Wording::kCudnnNoAlgorithm;
    // After a device-side assertion every later call fails, and the handle's creation first.
    if (library && bad_index) {
      event.is_vram_oom = false;
    }
    // The same line is printed after an index out of range, and there the stack or another message
    // is mostly cut off or missing. Nothing speaks for memory but the name of the status.
    if (event.wording == Wording::kCublasAllocFailed && event.frames.empty() && !other_vram) {
      event.is_vram_oom = false;
    }
    events.push_back(std::move(event));
  }
  entries_.clear();
  return events;
}

}  // namespace vramcast::crashlog
