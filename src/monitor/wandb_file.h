// Reads the file that Weights & Biases keeps of a run (run-ID.wandb) while it grows: the rows that
// the program logged, with their steps and times, and its configuration. The file is a LevelDB log
// (blocks of 32 KiB, records cut at their ends) of protobuf messages (wandb_internal.proto of
// wandb 0.12 to 0.22). Bytes are foreign: what is damaged is passed over and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vramcast::monitor {

struct WandbRow {
  std::optional<double> time;   // "_timestamp": seconds since 1970
  std::optional<int64_t> step;  // "step", "global_step" …, else the number of the row, "_step"
};

class WandbFile {
 public:
  static bool IsWandb(std::string_view beginning);

  // `offset`: where `bytes` stand in the file. After a gap reading goes on with the next block.
  // Calls `row` for each row of history.
  void Feed(std::string_view bytes, uint64_t offset, const std::function<void(WandbRow)>& row);

  // What the program gave to wandb.init as its configuration: values as JSON, by name.
  const std::map<std::string, std::string>& config() const { return config_; }
  int64_t records() const { return records_; }
  int64_t damaged() const { return damaged_; }

 private:
  using RowSink = std::function<void(WandbRow)>;
  bool TakeFragment(const RowSink& row);
  void ReadRecord(std::string_view record, const RowSink& row);
  void ReadConfig(std::string_view message);
  void SkipToBlock();
  void Advance(size_t count);

  std::string buffer_;
  size_t read_ = 0;     // of the buffer
  uint64_t at_ = 0;     // offset in the file of what is read next
  std::string record_;  // its fragments so far
  bool within_ = false;
  std::map<std::string, std::string> config_;
  int64_t records_ = 0;
  int64_t damaged_ = 0;
};

}  // namespace vramcast::monitor
