#include "monitor/allocator_numbers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace vramcast::monitor {
namespace {

// Names the folder of the `run` around a process (supervise/startup.h).
constexpr const char* kVariable = "VRAMCAST_RUN";
constexpr double kOld = 30;  // seconds

// A line of a small file. The environment of a foreign process names it: nothing that could block
// or lead elsewhere is opened.
std::string ReadLine(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return {};
  std::string line;
  struct stat status {};
  std::array<char, 256> buffer;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode)) {
    const ssize_t length = read(file, buffer.data(), buffer.size());
    if (length > 0) line.assign(buffer.data(), static_cast<size_t>(length));
  }
  close(file);
  return line;
}

}  // namespace

std::optional<AllocatorNow> ParseAllocatorNow(std::string_view line) {
  const std::vector<std::string_view> words = Split(Trim(line), ' ');
  if (words.size() != 6 || words[0] != "vramcast.now" || words[1] != "1") return std::nullopt;
  const auto time = ParseDouble(words[2]);
  const auto allocated = ParseInt(words[4]);
  const auto reserved = ParseInt(words[5]);
  if (!time || !allocated || !reserved) return std::nullopt;
  if (*allocated < 0 || *reserved < *allocated) return std::nullopt;
  return AllocatorNow{.time = *time, .allocated = Bytes(*allocated), .reserved = Bytes(*reserved)};
}

const std::string& AllocatorNumbers::FileOf(int64_t pid) {
  const auto [place, is_new] = files_.try_emplace(pid);
  if (is_new) {
    const auto folder = host_.Variable(pid, kVariable);
    if (folder && folder->starts_with('/')) {
      place->second = fmt::format("{}/records/pid{}.now", *folder, pid);
    }
  }
  return place->second;
}

void AllocatorNumbers::Fill(Sample* sample) {
  std::map<int64_t, int> places;
  for (const GpuSample& gpu : sample->gpus) {
    for (const ProcessSample& process : gpu.processes) ++places[process.pid];
  }
  std::erase_if(files_, [&](const auto& entry) { return !places.contains(entry.first); });
  for (GpuSample& gpu : sample->gpus) {
    for (ProcessSample& process : gpu.processes) {
      if (process.graphics || places[process.pid] != 1) continue;
      const std::string& file = FileOf(process.pid);
      if (file.empty()) continue;
      const auto now = ParseAllocatorNow(ReadLine(file));
      if (!now || std::fabs(sample->time - now->time) > kOld) continue;
      process.allocated = now->allocated;
      process.reserved = now->reserved;
    }
  }
}

}  // namespace vramcast::monitor
