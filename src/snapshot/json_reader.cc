#include "snapshot/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <nlohmann/json.hpp>
#include <streambuf>

namespace vramcast::snapshot {
namespace {

// The parser reads a std::istream.
class SourceBuffer final : public std::streambuf {
 public:
  explicit SourceBuffer(Source& source) : source_(source), buffer_(64 << 10) {}
  std::optional<Error> error;

 private:
  int_type underflow() override {
    const auto n = source_.Read({reinterpret_cast<uint8_t*>(buffer_.data()), buffer_.size()});
    if (!n) error = n.error();
    if (!n || *n == 0) return traits_type::eof();
    setg(buffer_.data(), buffer_.data(), buffer_.data() + *n);
    return traits_type::to_int_type(buffer_[0]);
  }

  Source& source_;
  std::vector<char> buffer_;
};

class Handler final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Handler(Builder& builder, const ReadLimits& limits) : builder_(builder), limits_(limits) {}

  std::optional<Error> error;
  std::vector<Value> stack;

  bool null() override { return Push({Tag::kNone, 0}); }
  bool boolean(bool value) override { return Push({Tag::kBool, value}); }
  bool number_integer(number_integer_t value) override { return Push(builder_.Integer(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Push(builder_.Unsigned(value)); }
  bool number_float(number_float_t value, const string_t&) override {
    return Push(builder_.Float(value));
  }
  bool string(string_t& text) override { return Push(builder_.String(text)); }
  bool binary(binary_t&) override { return Push({Tag::kOpaque, 0}); }
  bool key(string_t& text) override { return Push(builder_.String(text)); }
  bool start_object(size_t) override { return Open(); }
  bool start_array(size_t) override { return Open(); }
  bool end_object() override {
    const size_t begin = Close();
    const Value dict = builder_.Update({Tag::kEmptyDict, 0}, Items(begin));
    stack.resize(begin);
    return Push(dict);
  }
  bool end_array() override {
    const size_t begin = Close();
    const auto items = Items(begin);
    const bool is_pair = items.size() == 2 && items[0].tag() == Tag::kInt;
    const Value list =
        is_pair ? builder_.Tuple(items) : builder_.Extend({Tag::kEmptyList, 0}, items);
    stack.resize(begin);
    return Push(list);
  }
  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    error = Error{ErrorKind::kUnreadable, exception.what(), position};
    return false;
  }

 private:
  std::span<const Value> Items(size_t begin) const {
    return {stack.data() + begin, stack.size() - begin};
  }
  bool Push(Value value) {
    stack.push_back(value);
    if (builder_.memory() + 8 * stack.size() <= limits_.memory) return true;
    error = Error{ErrorKind::kUnreadable,
                  fmt::format("needs more than {} MiB of memory", limits_.memory >> 20)};
    return false;
  }
  bool Open() {
    marks_.push_back(stack.size());
    if (marks_.size() <= limits_.depth) return true;
    error = Error{ErrorKind::kUnreadable, "nested too deeply"};
    return false;
  }
  size_t Close() {
    const size_t begin = marks_.back();
    marks_.pop_back();
    return begin;
  }

  Builder& builder_;
  ReadLimits limits_;
  std::vector<size_t> marks_;
};

}  // namespace

bool LooksLikeJson(std::span<const uint8_t> head) {
  const auto first = std::find_if(head.begin(), head.end(), [](uint8_t c) {
    return c != ' ' && c != '\t' && c != '\r' && c != '\n';
  });
  return first != head.end() && (*first == '{' || *first == '[');
}

Result<Value> ReadJson(Source& source, Builder& builder, const ReadLimits& limits) {
  SourceBuffer buffer(source);
  std::istream stream(&buffer);
  Handler handler(builder, limits);
  bool parsed = false;
  try {
    parsed = nlohmann::json::sax_parse(stream, &handler);
  } catch (const std::exception& exception) {
    return UnreadableError(exception.what());
  }
  if (buffer.error) return tl::make_unexpected(*buffer.error);
  if (handler.error) return tl::make_unexpected(*handler.error);
  if (!parsed || handler.stack.size() != 1) return UnreadableError("the JSON is not complete");
  return handler.stack.back();
}

}  // namespace vramcast::snapshot
