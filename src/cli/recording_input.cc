#include "cli/recording_input.h"

#include "snapshot/read.h"

namespace vramcast::cli {

Bytes LoadedRecording::AllocatedAtEnd(size_t device) const {
  const DeviceRecording& recorded = recording->devices[device];
  if (recorded.segments.empty()) return proofs[device].run.allocated_at_end;
  Bytes sum;
  for (const RecordedSegment& segment : recorded.segments) {
    for (const RecordedBlock& block : segment.blocks) {
      if (block.state == RecordedState::kAllocated) sum += block.size;
    }
  }
  return sum;
}

Result<LoadedRecording> LoadRecording(const std::string& path, std::optional<TorchVersion> torch) {
  auto read = snapshot::ReadSnapshot(path);
  if (!read) {
    Error error = read.error();
    if (error.message.find(path) == std::string::npos) error.message = path + ": " + error.message;
    return tl::make_unexpected(std::move(error));
  }
  return AnalyseRecording(path, std::make_unique<Recording>(std::move(*read)), torch);
}

LoadedRecording AnalyseRecording(const std::string& path, std::unique_ptr<Recording> recording,
                                 std::optional<TorchVersion> torch) {
  LoadedRecording loaded;
  loaded.path = path;
  loaded.recording = std::move(recording);
  loaded.settings = RecordedAllocator(*loaded.recording, torch);
  // From 2.12 on the version alone does not tell how ties are broken; the addresses do.
  bool find_rule = loaded.settings.torch >= TorchVersion{2, 12};
  for (DeviceRecording& device : loaded.recording->devices) {
    loaded.starts.push_back(ReconstructStart(device, loaded.settings));
    if (find_rule && !device.trace.events.empty()) {
      loaded.settings.tie_rule = FindTieRule(device, loaded.settings);
      find_rule = false;
    }
    loaded.proofs.push_back(Prove(device, loaded.settings));
  }
  loaded.attribution = std::make_unique<Attribution>(*loaded.recording);
  return loaded;
}

}  // namespace vramcast::cli
