#include "crashlog/json.h"

#include <nlohmann/json.hpp>

namespace vramcast::crashlog {
namespace {

using nlohmann::json;

// Logs hold any bytes; JSON holds UTF-8 only. What is not valid becomes a question mark.
std::string Utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const size_t length = c < 0x80                ? 1
                          : c >= 0xC2 && c < 0xE0 ? 2
                          : c >= 0xE0 && c < 0xF0 ? 3
                          : c >= 0xF0 && c < 0xF5 ? 4
                                                  : 0;
    bool valid = length > 0 && i + length <= text.size();
    for (size_t k = 1; valid && k < length; ++k) {
      valid = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
    }
    if (valid && length >= 3) {
      // Over-long forms, surrogates and code points beyond U+10FFFF.
      const auto second = static_cast<unsigned char>(text[i + 1]);
      valid = !(c == 0xE0 && second < 0xA0) && !(c == 0xED && second > 0x9F) &&
              !(c == 0xF0 && second < 0x90) && !(c == 0xF4 && second > 0x8F);
    }
    if (!valid) {
      out += '?';
      ++i;
      continue;
    }
    out += text.substr(i, length);
    i += length;
  }
  return out;
}

json Size(const std::optional<Bytes>& bytes) { return bytes ? json(bytes->count()) : json(); }

json Number(const std::optional<int64_t>& number) { return number ? json(*number) : json(); }

json Text(const std::string& text) { return text.empty() ? json() : json(Utf8(text)); }

json FrameJson(const Frame& frame) {
  return {{"file", Utf8(frame.file)},
          {"line", frame.line > 0 ? json(frame.line) : json()},
          {"function", Text(frame.function)},
          {"code", Text(frame.code)}};
}

}  // namespace

json ToJson(const OomEvent& event) {
  json others = json::array();
  for (const OtherProcess& process : event.other_processes) {
    others.push_back({{"pid", process.pid}, {"bytes", Size(process.bytes)}});
  }
  json frames = json::array();
  for (const Frame& frame : event.frames) {
    frames.push_back(FrameJson(frame));
  }
  return {
      {"is_vram_oom", event.is_vram_oom},
      {"framework", FrameworkName(event.framework)},
      {"wording", WordingName(event.wording)},
      {"pattern", PatternName(event.pattern)},
      {"phase", PhaseName(event.phase)},
      {"device", Number(event.device)},
      {"rank", Number(event.rank)},
      {"pid", Number(event.pid)},
      {"step", Number(event.step)},
      {"version", Text(event.version)},
      {"requested_bytes", Size(event.requested)},
      {"total_bytes", Size(event.total)},
      {"free_bytes", Size(event.free)},
      {"allocated_bytes", Size(event.allocated)},
      {"reserved_bytes", Size(event.reserved)},
      {"reserved_unallocated_bytes", Size(event.reserved_unallocated)},
      {"process_in_use_bytes", Size(event.process_in_use)},
      {"allowed_bytes", Size(event.allowed)},
      {"private_pools_bytes", Size(event.private_pools)},
      {"other_allocations_bytes", Size(event.other_allocations)},
      {"library_request_bytes", Size(event.library_request)},
      {"available_cache_bytes", Size(event.available_cache)},
      {"other_processes", std::move(others)},
      {"shape", event.shape},
      {"line", event.place.line},
      {"offset", event.place.offset},
      {"evidence", Utf8(event.evidence)},
      {"repeats", event.repeats},
      {"frames", std::move(frames)},
  };
}

}  // namespace vramcast::crashlog
