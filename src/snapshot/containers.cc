// gzip, zstd, zip and HTML around a snapshot, each unpacked as it is read.
#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "snapshot/source.h"

namespace vramcast::snapshot {
namespace {

constexpr size_t kBuffer = 256 << 10;

// The compressed side of a container: a buffer that is refilled when it is used up.
class Feed {
 public:
  explicit Feed(std::unique_ptr<Source> source) : source_(std::move(source)), buffer_(kBuffer) {}

  // False at the end of the source.
  Result<bool> Fill() {
    if (at_ < end_) return true;
    consumed_ += end_;
    const auto n = source_->Read(buffer_);
    if (!n) return tl::make_unexpected(n.error());
    at_ = 0;
    end_ = *n;
    return end_ > 0;
  }
  // Exactly this many bytes, or an error.
  Status ReadAll(std::span<uint8_t> into) {
    while (!into.empty()) {
      const auto more = Fill();
      if (!more) return tl::make_unexpected(more.error());
      if (!*more) return UnreadableError("the archive ends too early", offset());
      const size_t n = std::min(into.size(), end_ - at_);
      std::memcpy(into.data(), buffer_.data() + at_, n);
      at_ += n;
      into = into.subspan(n);
    }
    return {};
  }
  std::span<uint8_t> rest() { return {buffer_.data() + at_, end_ - at_}; }
  void Advance(size_t n) { at_ += n; }
  uint64_t offset() const { return consumed_ + at_; }

 private:
  std::unique_ptr<Source> source_;
  std::vector<uint8_t> buffer_;
  size_t at_ = 0;
  size_t end_ = 0;
  uint64_t consumed_ = 0;
};

// gzip (several members in a row too), or the raw deflate stream of a zip entry.
class InflateSource final : public Source {
 public:
  InflateSource(Feed feed, bool raw) : feed_(std::move(feed)), raw_(raw) {
    ok_ = inflateInit2(&stream_, raw ? -MAX_WBITS : MAX_WBITS + 16) == Z_OK;
  }
  InflateSource(const InflateSource&) = delete;
  InflateSource& operator=(const InflateSource&) = delete;
  ~InflateSource() override {
    if (ok_) inflateEnd(&stream_);
  }

  Result<size_t> Read(std::span<uint8_t> into) override {
    if (!ok_) return UnreadableError("zlib could not be started");
    stream_.next_out = into.data();
    stream_.avail_out = static_cast<uInt>(std::min<size_t>(into.size(), 1u << 30));
    const uInt room = stream_.avail_out;
    while (!done_ && stream_.avail_out == room) {
      const auto more = feed_.Fill();
      if (!more) return tl::make_unexpected(more.error());
      if (!*more) {
        if (at_member_start_) break;
        return UnreadableError("the compressed data ends too early", feed_.offset());
      }
      stream_.next_in = feed_.rest().data();
      stream_.avail_in = static_cast<uInt>(feed_.rest().size());
      const uInt before = stream_.avail_in;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      feed_.Advance(before - stream_.avail_in);
      at_member_start_ = false;
      if (code == Z_STREAM_END) {
        if (raw_) {
          done_ = true;
        } else {
          inflateReset(&stream_);
          at_member_start_ = true;
        }
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return UnreadableError(fmt::format("the compressed data is damaged ({})",
                                           stream_.msg ? stream_.msg : "zlib error"),
                               feed_.offset());
      }
    }
    return static_cast<size_t>(room - stream_.avail_out);
  }

 private:
  Feed feed_;
  bool raw_;
  bool ok_ = false;
  bool done_ = false;
  bool at_member_start_ = false;
  z_stream stream_ = {};
};

class ZstdSource final : public Source {
 public:
  explicit ZstdSource(Feed feed) : feed_(std::move(feed)), context_(ZSTD_createDCtx()) {
    // Windows above 128 MiB are refused, so that a small file cannot ask for much memory.
    if (context_ != nullptr) ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, 27);
  }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;
  ~ZstdSource() override { ZSTD_freeDCtx(context_); }

  Result<size_t> Read(std::span<uint8_t> into) override {
    if (context_ == nullptr) return UnreadableError("zstd could not be started");
    ZSTD_outBuffer out = {into.data(), into.size(), 0};
    while (out.pos == 0) {
      const auto more = feed_.Fill();
      if (!more) return tl::make_unexpected(more.error());
      ZSTD_inBuffer in = {feed_.rest().data(), feed_.rest().size(), 0};
      const size_t code = ZSTD_decompressStream(context_, &out, &in);
      feed_.Advance(in.pos);
      if (ZSTD_isError(code)) {
        return UnreadableError(
            fmt::format("the compressed data is damaged ({})", ZSTD_getErrorName(code)),
            feed_.offset());
      }
      if (!*more && out.pos == 0) {
        if (frame_open_) {
          return UnreadableError("the compressed data ends too early", feed_.offset());
        }
        break;
      }
      frame_open_ = code != 0;
    }
    return out.pos;
  }

 private:
  Feed feed_;
  ZSTD_DCtx* context_;
  bool frame_open_ = false;
};

// A stored (not compressed) zip entry.
class SliceSource final : public Source {
 public:
  SliceSource(Feed feed, uint64_t size) : feed_(std::move(feed)), left_(size) {}
  Result<size_t> Read(std::span<uint8_t> into) override {
    if (left_ == 0) return size_t{0};
    const auto more = feed_.Fill();
    if (!more) return tl::make_unexpected(more.error());
    if (!*more) return UnreadableError("the archive ends too early", feed_.offset());
    const size_t n = std::min({into.size(), feed_.rest().size(), static_cast<size_t>(left_)});
    std::memcpy(into.data(), feed_.rest().data(), n);
    feed_.Advance(n);
    left_ -= n;
    return n;
  }

 private:
  Feed feed_;
  uint64_t left_;
};

uint32_t Little(const uint8_t* at, int bytes) {
  uint32_t value = 0;
  for (int i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

// The first entry that is not a folder. Layout: APPNOTE.TXT 4.3.7 (local file header).
Result<std::unique_ptr<Source>> OpenZip(std::unique_ptr<Source> packed) {
  Feed feed(std::move(packed));
  for (;;) {
    std::array<uint8_t, 30> header;
    if (auto status = feed.ReadAll(header); !status) return tl::make_unexpected(status.error());
    if (Little(header.data(), 4) != 0x04034b50) {
      return UnreadableError("the zip archive holds no file", feed.offset() - 30);
    }
    const uint32_t flags = Little(&header[6], 2), method = Little(&header[8], 2);
    uint64_t packed_size = Little(&header[18], 4);
    std::vector<uint8_t> name(Little(&header[26], 2)), extra(Little(&header[28], 2));
    if (auto status = feed.ReadAll(name); !status) return tl::make_unexpected(status.error());
    if (auto status = feed.ReadAll(extra); !status) return tl::make_unexpected(status.error());
    // zip64: the sizes stand in the extra field.
    for (size_t at = 0; packed_size == 0xffffffff && at + 20 <= extra.size();
         at += 4 + Little(&extra[at + 2], 2)) {
      if (Little(&extra[at], 2) != 1) continue;
      packed_size = Little(&extra[at + 12], 4) | uint64_t{Little(&extra[at + 16], 4)} << 32;
    }
    if (!name.empty() && name.back() == '/' && packed_size == 0) continue;
    if (flags & 1) return UnreadableError("the zip archive is encrypted", feed.offset());
    if (method == 8) return std::make_unique<InflateSource>(std::move(feed), true);
    if (method == 93) return std::make_unique<ZstdSource>(std::move(feed));
    if (method != 0) {
      return UnreadableError(fmt::format("zip compression method {} is not known", method),
                             feed.offset());
    }
    if (flags & 8) return UnreadableError("the zip entry does not state its size", feed.offset());
    return std::make_unique<SliceSource>(std::move(feed), packed_size);
  }
}

// The text after `"base64": "` in a page that memory_viz wrote (torch/cuda/_memory_viz.py).
class Base64Source final : public Source {
 public:
  explicit Base64Source(Feed feed) : feed_(std::move(feed)) {}

  Result<size_t> Read(std::span<uint8_t> into) override {
    if (!found_) {
      if (auto status = Find(); !status) return tl::make_unexpected(status.error());
    }
    size_t n = 0;
    while (n < into.size() && !done_) {
      const auto more = feed_.Fill();
      if (!more) return tl::make_unexpected(more.error());
      if (!*more) return UnreadableError("the page ends inside its snapshot", feed_.offset());
      size_t used = 0;
      for (const uint8_t c : feed_.rest()) {
        if (n == into.size()) break;
        ++used;
        const int value = Value(c);
        if (value < 0) {
          done_ = true;
          break;
        }
        bits_ = bits_ << 6 | static_cast<uint32_t>(value);
        count_ += 6;
        if (count_ >= 8) {
          count_ -= 8;
          into[n++] = static_cast<uint8_t>(bits_ >> count_);
        }
      }
      feed_.Advance(used);
    }
    return n;
  }

 private:
  static int Value(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
  }
  Status Find() {
    constexpr std::string_view kMarker = "\"base64\":\"";
    size_t matched = 0;
    for (;;) {
      const auto more = feed_.Fill();
      if (!more) return tl::make_unexpected(more.error());
      if (!*more) return UnreadableError("the page holds no snapshot", feed_.offset());
      size_t used = 0;
      for (const uint8_t c : feed_.rest()) {
        ++used;
        if (c == ' ' && matched > 0) continue;
        if (c == static_cast<uint8_t>(kMarker[matched])) {
          ++matched;
        } else {
          matched = c == '"' ? 1 : 0;
        }
        if (matched == kMarker.size()) break;
      }
      feed_.Advance(used);
      if (matched == kMarker.size()) {
        found_ = true;
        return {};
      }
    }
  }

  Feed feed_;
  bool found_ = false;
  bool done_ = false;
  uint32_t bits_ = 0;
  int count_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> Unpack(std::unique_ptr<Source> packed) {
  std::unique_ptr<Source> source = std::move(packed);
  for (int depth = 0; depth < 4; ++depth) {
    auto peek = std::make_unique<PeekSource>(std::move(source));
    const auto head = peek->Peek(64);
    if (!head) return tl::make_unexpected(head.error());
    const std::string_view bytes(reinterpret_cast<const char*>(head->data()), head->size());
    const size_t text = bytes.find_first_not_of(" \t\r\n");
    if (bytes.starts_with("\x1f\x8b")) {
      source = std::make_unique<InflateSource>(Feed(std::move(peek)), false);
    } else if (bytes.starts_with("\x28\xb5\x2f\xfd")) {
      source = std::make_unique<ZstdSource>(Feed(std::move(peek)));
    } else if (bytes.starts_with("PK\x03\x04")) {
      auto entry = OpenZip(std::move(peek));
      if (!entry) return entry;
      source = std::move(*entry);
    } else if (text != std::string_view::npos && bytes[text] == '<') {
      source = std::make_unique<Base64Source>(Feed(std::move(peek)));
    } else {
      return peek;
    }
  }
  return UnreadableError("packed more than four times");
}

}  // namespace vramcast::snapshot
