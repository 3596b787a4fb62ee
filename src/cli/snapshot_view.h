// What `vramcast snapshot` says about one recording: the same findings as text and as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "analysis/growth.h"
#include "analysis/moment.h"
#include "cli/recording_input.h"
#include "report/document.h"

namespace vramcast::cli {

struct ViewOptions {
  std::string at = "peak";  // an event's number, peak, end or oom
  Grouping by = Grouping::kLine;
  size_t top = 10;
  bool explain = false;
};

// What a remedy would have changed, from a replay.
struct Remedy {
  std::string action;   // a sentence
  std::string setting;  // a value of PYTORCH_CUDA_ALLOC_CONF, or empty
  std::optional<bool> lives;
};

struct DeviceView {
  size_t device = 0;
  uint32_t event = kStartOfTrace;  // that `blocks` belong to
  std::vector<LiveBlock> blocks;
  std::vector<Share> shares;  // as asked for
  std::vector<Share> categories;
  std::vector<Share> not_freed;  // allocated in the recording and there at its end, by line
  Growth growth;
  Bytes allocated_at_end;
  Bytes free_at_end;           // reserved and free
  Bytes free_segments_at_end;  // of it, in whole segments: PyTorch gives these back when it must
  Bytes largest_free_at_end;   // one block
  Bytes lost;                  // by the events still there at the end, by the segments not
  std::vector<Remedy> remedies;
};

// Reserved memory that never was in use, beyond what rounding to segments costs.
bool MuchUnused(const Peak& peak);

// Usage error if `options.at` names no moment of this device.
Result<DeviceView> ViewDevice(const LoadedRecording& loaded, size_t device,
                              const ViewOptions& options);

// What a reader should know first, the most important before the rest.
std::vector<Paragraph> Verdict(const LoadedRecording& loaded, const DeviceView& view);
// Why memory ran out, as the end of a sentence.
std::string WhyOutOfMemory(const OutOfMemory& oom);

nlohmann::json ViewJson(const LoadedRecording& loaded, const DeviceView& view, size_t top);
void AddHeader(const LoadedRecording& loaded, Document* document);
void AddView(const LoadedRecording& loaded, const DeviceView& view, const ViewOptions& options,
             Document* document);

// Bad news: memory ran out, or a line leaks.
bool IsBadNews(const LoadedRecording& loaded, const DeviceView& view);

}  // namespace vramcast::cli
