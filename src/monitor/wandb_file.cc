#include "monitor/wandb_file.h"

#include <zlib.h>

#include <array>
#include <cmath>

#include "base/text.h"
#include "monitor/protobuf.h"

namespace vramcast::monitor {
namespace {

constexpr size_t kBlock = 32768;
constexpr size_t kFragmentHead = 7;  // checksum 4, length 2, type 1; all little-endian
constexpr size_t kFileHead = 7;      // ":W&B", 0xBEE1, version 0
constexpr std::string_view kMagic = ":W&B\xE1\xBE";
constexpr size_t kLargestRecord = 8 << 20;  // larger ones hold media or artifacts
constexpr size_t kMostConfig = 4096;        // entries

enum FragmentType : uint8_t { kZero = 0, kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

uint32_t Little(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8U | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

// The checksum is over type and data.
bool IsSound(std::string_view fragment) {
  const std::string_view covered = fragment.substr(6);
  const auto sum = crc32(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(covered.data()),
                         static_cast<uInt>(covered.size()));
  return static_cast<uint32_t>(sum) == Little(fragment, 0, 4);
}

struct Item {
  std::string key;  // nested ones joined by "/"
  std::string_view json;
};
Item ReadItem(std::string_view message) {
  constexpr uint32_t kKey = 1, kNestedKey = 2, kValueJson = 16;
  Item item;
  ProtobufReader fields(message);
  while (const auto field = fields.Next()) {
    if (field->number == kKey) item.key = field->bytes;
    if (field->number == kNestedKey) {
      item.key += (item.key.empty() ? "" : "/") + std::string(field->bytes);
    }
    if (field->number == kValueJson) item.json = field->bytes;
  }
  return item;
}

std::optional<int64_t> Whole(std::string_view json) {
  const auto value = ParseDouble(json);
  if (!value || !std::isfinite(*value) || *value < 0 || *value > 1e15) return std::nullopt;
  return static_cast<int64_t>(*value);
}

// The names under which programs log the step of training, best first.
constexpr std::array<std::string_view, 5> kStepNames = {"step", "train/global_step", "global_step",
                                                        "trainer/global_step", "iteration"};

WandbRow ReadHistory(std::string_view message) {
  constexpr uint32_t kItem = 1, kStep = 2;
  WandbRow row;
  size_t best = kStepNames.size();
  std::optional<int64_t> number;  // of the row
  ProtobufReader fields(message);
  while (const auto field = fields.Next()) {
    if (field->number == kStep) {
      ProtobufReader inner(field->bytes);
      number = 0;  // protobuf leaves zero out
      while (const auto part = inner.Next()) {
        if (part->number == 1 && part->value <= INT64_MAX) {
          number = static_cast<int64_t>(part->value);
        }
      }
    }
    if (field->number != kItem) continue;
    const Item item = ReadItem(field->bytes);
    if (item.key == "_timestamp") row.time = ParseDouble(item.json);
    if (item.key == "_step") number = Whole(item.json);
    for (size_t i = 0; i < best; ++i) {
      if (item.key != kStepNames[i]) continue;
      if (const auto step = Whole(item.json)) {
        row.step = step;
        best = i;
      }
    }
  }
  if (!row.step) row.step = number;
  if (row.time && !std::isfinite(*row.time)) row.time.reset();
  return row;
}

}  // namespace

bool WandbFile::IsWandb(std::string_view beginning) { return beginning.starts_with(kMagic); }

void WandbFile::SkipToBlock() {
  const uint64_t next = (at_ / kBlock + 1) * kBlock;
  Advance(static_cast<size_t>(next - at_));
  within_ = false;
  record_.clear();
}

void WandbFile::Feed(std::string_view bytes, uint64_t offset, const RowSink& row) {
  if (offset != at_ + buffer_.size()) {
    buffer_.clear();
    record_.clear();
    within_ = false;
    // A fragment may begin anywhere; a block always begins with one.
    const uint64_t block = offset == 0 ? 0 : (offset + kBlock - 1) / kBlock * kBlock;
    const auto skip = static_cast<size_t>(std::min<uint64_t>(block - offset, bytes.size()));
    bytes.remove_prefix(skip);
    at_ = offset + skip;
  }
  buffer_ += bytes;
  while (TakeFragment(row)) {
  }
  buffer_.erase(0, read_);
  read_ = 0;
}

void WandbFile::Advance(size_t count) {
  read_ += count;
  at_ += count;
}

// Takes one fragment, or what fills up a block, off the buffer; false: more bytes are needed.
bool WandbFile::TakeFragment(const RowSink& row) {
  const std::string_view rest = std::string_view(buffer_).substr(read_);
  if (at_ == 0) {
    if (rest.size() < kFileHead) return false;
    if (!IsWandb(rest)) ++damaged_;
    Advance(kFileHead);
    return true;
  }
  const size_t left = kBlock - static_cast<size_t>(at_ % kBlock);  // of the block
  if (left < kFragmentHead) {
    if (rest.size() < left) return false;
    Advance(left);
    return true;
  }
  if (rest.size() < kFragmentHead) return false;
  const size_t length = Little(rest, 4, 2);
  const auto type = static_cast<uint8_t>(rest[6]);
  const size_t whole = kFragmentHead + length;
  if (type == kZero || type > kLast || whole > left) {
    if (rest.size() < left) return false;
    ++damaged_;
    SkipToBlock();
    return true;
  }
  if (rest.size() < whole) return false;
  const std::string_view fragment = rest.substr(0, whole);
  if (!IsSound(fragment)) {
    ++damaged_;
    within_ = false;
    record_.clear();
  } else if (type == kFull || type == kFirst) {
    record_ = fragment.substr(kFragmentHead);
    within_ = true;
  } else if (within_ && record_.size() < kLargestRecord) {
    record_ += fragment.substr(kFragmentHead);
  } else {
    within_ = false;
  }
  if (within_ && (type == kFull || type == kLast)) {
    ReadRecord(record_, row);
    within_ = false;
  }
  Advance(whole);
  return true;
}

void WandbFile::ReadRecord(std::string_view record, const RowSink& row) {
  constexpr uint32_t kHistory = 2, kConfig = 5, kRun = 17, kConfigOfRun = 4;
  ++records_;
  ProtobufReader fields(record);
  while (const auto field = fields.Next()) {
    if (field->number == kHistory) row(ReadHistory(field->bytes));
    if (field->number == kConfig) ReadConfig(field->bytes);
    if (field->number != kRun) continue;
    ProtobufReader run(field->bytes);
    while (const auto part = run.Next()) {
      if (part->number == kConfigOfRun) ReadConfig(part->bytes);
    }
  }
  if (fields.broken()) ++damaged_;
}

void WandbFile::ReadConfig(std::string_view message) {
  constexpr uint32_t kUpdate = 1;
  ProtobufReader fields(message);
  while (const auto field = fields.Next()) {
    if (field->number != kUpdate) continue;
    const Item item = ReadItem(field->bytes);
    if (item.key.empty() || config_.size() >= kMostConfig) continue;
    config_.insert_or_assign(item.key, std::string(item.json));
  }
}

}  // namespace vramcast::monitor
