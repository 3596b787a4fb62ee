#include "snapshot/read.h"

#include "snapshot/json_reader.h"

namespace vramcast::snapshot {
namespace {

Result<Recording> Read(std::unique_ptr<Source> packed, const ReadLimits& limits) {
  auto unpacked = Unpack(std::move(packed));
  if (!unpacked) return tl::make_unexpected(unpacked.error());
  PeekSource source(std::move(*unpacked));
  const auto head = source.Peek(16);
  if (!head) return tl::make_unexpected(head.error());

  Builder builder;
  const bool is_json = LooksLikeJson(*head);
  const auto root =
      is_json ? ReadJson(source, builder, limits) : PickleReader(source, builder, limits).Read();
  if (!root) return tl::make_unexpected(root.error());
  return builder.Assemble(*root);
}

}  // namespace

Result<Recording> ReadSnapshot(const std::string& path, const ReadLimits& limits) {
  auto source = OpenFile(path);
  if (!source) return tl::make_unexpected(source.error());
  return Read(std::move(*source), limits);
}

Result<Recording> ReadSnapshot(std::span<const uint8_t> bytes, const ReadLimits& limits) {
  return Read(FromMemory(bytes), limits);
}

}  // namespace vramcast::snapshot
