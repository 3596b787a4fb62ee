#include "snapshot/read.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "snapshot/json_reader.h"
#include "trace/file.h"

namespace vramcast::snapshot {
namespace {

// vramcast's own trace file: read as a whole, since it is small.
Result<Recording> ReadTrace(Source& source, const ReadLimits& limits) {
  std::vector<uint8_t> content;
  for (size_t have = 0;;) {
    if (have > limits.memory / 8) return UnreadableError("the trace file is too large", have);
    content.resize(std::max<size_t>(2 * have, 1 << 20));
    const auto n = source.Read({content.data() + have, content.size() - have});
    if (!n) return tl::make_unexpected(n.error());
    have += *n;
    if (*n == 0) {
      content.resize(have);
      return ReadTraceContent(content);
    }
  }
}

Result<Recording> Read(std::unique_ptr<Source> packed, const ReadLimits& limits) {
  auto unpacked = Unpack(std::move(packed));
  if (!unpacked) return tl::make_unexpected(unpacked.error());
  PeekSource source(std::move(*unpacked));
  const auto head = source.Peek(16);
  if (!head) return tl::make_unexpected(head.error());

  const std::string_view magic(reinterpret_cast<const char*>(head->data()), head->size());
  if (kTraceMagic.starts_with(magic) && magic.size() == 16) return ReadTrace(source, limits);

  Builder builder;
  if (LooksLikeJson(*head)) {
    const auto root = ReadJson(source, builder, limits);
    return root ? builder.Assemble(*root) : tl::make_unexpected(root.error());
  }
  PickleReader reader(source, builder, limits);
  const auto root = reader.Read();
  if (!root) return tl::make_unexpected(root.error());
  auto recording = builder.Assemble(*root);
  // A pickle of something else: what is wrong with it is known at its end.
  if (!recording) recording.error().offset = reader.offset();
  return recording;
}

// A recording needs about half its pickle's size, and packing makes a pickle 5 to 30 times smaller
// (recordings that repeat one step a thousand times still fit below the floor). A small file that
// asks for much more is a bomb; and none may take more than half of the machine's memory.
ReadLimits LimitsOf(const Source& source, ReadLimits limits) {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    limits.memory =
        std::min(limits.memory, static_cast<uint64_t>(pages) * static_cast<uint64_t>(page) / 2);
  }
  constexpr uint64_t kFloor = uint64_t{1} << 30;
  if (const auto size = source.size(); size && *size < kFloor) {
    limits.memory = std::min(limits.memory, kFloor + 64 * *size);
  }
  return limits;
}

}  // namespace

Result<Recording> ReadSnapshot(const std::string& path, const ReadLimits& limits) {
  auto source = OpenFile(path);
  if (!source) return tl::make_unexpected(source.error());
  const ReadLimits bounded = LimitsOf(**source, limits);
  return Read(std::move(*source), bounded);
}

Result<Recording> ReadSnapshot(std::span<const uint8_t> bytes, const ReadLimits& limits) {
  return Read(FromMemory(bytes), limits);
}

}  // namespace vramcast::snapshot
