// The writing side of the history: what one process saw, run by run. It never fails whom it serves:
// what cannot be written is lost, said once, and writing is tried again later.
//
//   History history(*HistoryFile());
//   history.Begin({.kind = RunKind::kWatch, .command = "vramcast watch", .began = now});
//   history.Append(sample);  // as often as there are samples
//   history.End({.ended = now, .exit_code = 0, .outcome = "finished"});
//   for (const std::string& line : history.TakeMessages()) ...  // after any of these
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/rows.h"

namespace vramcast::store {

// history.db in the user's data folder (base/user_folder.h).
Result<std::filesystem::path> HistoryFile();

// What is older, or beyond this size, is let go: the oldest samples first.
struct Limits {
  std::chrono::hours age = std::chrono::hours(24 * 30);
  Bytes size = Bytes(128 << 20);
};

class History {
 public:
  // Makes the file where it is missing; a damaged one is set aside.
  explicit History(const std::filesystem::path& file, const Limits& limits = {});
  History(History&&) noexcept;
  History& operator=(History&&) noexcept;
  ~History();  // flushes; a run that was not ended keeps its end open

  // Begins a run; ends the one before it, if that is still open, without an outcome.
  void Begin(const RunStart& start);
  // A sample of the current run. Samples that come faster than four a second are committed
  // together: of a process that is killed, at most the last quarter of a second is lost.
  void Append(const SampleRow& sample);
  void End(const RunEnd& end);
  void Flush();

  // What the user should know, each said once: a damaged file, a full disk, samples lost, a file
  // of a newer vramcast.
  std::vector<std::string> TakeMessages();

  int64_t samples_lost() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vramcast::store
