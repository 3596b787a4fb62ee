// The events of a log, each death once: programs tell the same death several times (the library,
// the exception, the launcher's summary, a log written twice), and one message often confirms
// another.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "crashlog/event.h"

namespace vramcast::crashlog {

class Ledger {
 public:
  static constexpr size_t kMost = 1024;

  // The index of the event that `fresh` tells again or adds to, and which now holds both; nothing
  // if it is new, and then nothing is added. `end`: where its message ends.
  std::optional<size_t> Fold(const OomEvent& fresh, Place end);

  // A new event. False if there are too many already; it is counted.
  bool Add(OomEvent event, Place end);

  // Decides what only the whole log can tell. `bad_index`: an assertion about an index was printed.
  std::vector<OomEvent> Close(bool bad_index);

  bool has_vram_oom() const;
  uint64_t dropped() const { return dropped_; }
  OomEvent& at(size_t index) { return entries_[index].event; }

 private:
  struct Entry {
    OomEvent event;
    Place last;                 // the end of its last mention
    std::optional<Bytes> pool;  // TensorFlow's last try
  };
  std::vector<Entry> entries_;
  uint64_t dropped_ = 0;
};

}  // namespace vramcast::crashlog
