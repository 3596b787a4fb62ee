#include "crashlog/message_fields.h"

#include <re2/re2.h>

#include <algorithm>
#include <string>

#include "base/text.h"
#include "crashlog/size_text.h"

namespace vramcast::crashlog {
namespace {

using Field = std::optional<Bytes> OomEvent::*;

struct FieldRule {
  Field field;
  const char* pattern;  // ~S: the size; ~B: one with a bare letter for its unit
};

// In the order of trust: a field that is set is not read again.
constexpr FieldRule kAllocatorFields[] = {
    {&OomEvent::requested, R"(triedtoallocate(~S))"},
    {&OomEvent::total, R"(totalcapac[a-z]{0,4}?of(~S))"},
    {&OomEvent::total, R"((~S)totalcapac)"},
    {&OomEvent::free, R"(ofwhich(~S))"},
    {&OomEvent::free, R"((~S)free[;)])"},
    {&OomEvent::process_in_use, R"(thisprocesshas(~S))"},
    {&OomEvent::allowed, R"((~S)allowed)"},
    {&OomEvent::allocated, R"(allocatedmemory(~S))"},
    {&OomEvent::allocated, R"((~S)isallocatedbypyt)"},
    {&OomEvent::allocated, R"((~S)alreadyallocated)"},
    {&OomEvent::private_pools, R"(with(~S)allocatedinprivate)"},
    {&OomEvent::reserved_unallocated, R"((~S)isreservedbypytorch)"},
    {&OomEvent::reserved_unallocated, R"((~S)cached)"},
    {&OomEvent::reserved, R"((~S)reservedintotal)"},
    // Units shortened by hand. What follows shows that the unit was not cut.
    {&OomEvent::requested, R"(triedtoallocate(~B)[(.;,])"},
    {&OomEvent::total, R"(totalcapac[a-z]{0,4}?of(~B)ofwhich)"},
    {&OomEvent::total, R"((~B)totalcapac)"},
    {&OomEvent::free, R"(ofwhich(~B)isfree)"},
    {&OomEvent::free, R"((~B)free[;)])"},
    {&OomEvent::process_in_use, R"(thisprocesshas(~B)memory)"},
    {&OomEvent::allocated, R"((~B)isallocatedbypyt)"},
    {&OomEvent::allocated, R"((~B)alreadyallocated)"},
    {&OomEvent::reserved_unallocated, R"((~B)isreservedbypytorch)"},
    {&OomEvent::reserved_unallocated, R"((~B)cached)"},
    {&OomEvent::reserved, R"((~B)reservedintotal)"},
};

// As people retype it, in any order. Only close to the head, and only if the words of the message
// itself are not there.
constexpr FieldRule kRetypedFields[] = {
    {&OomEvent::total, R"((~S)total)"},
    {&OomEvent::total, R"(total(?:capacity|memory)?[:=]?~?(~S))"},
    {&OomEvent::free, R"((~S)(?:is)?free)"},
    {&OomEvent::free, R"(free[:=]?~?(~S))"},
    {&OomEvent::process_in_use, R"((~S)(?:memory)?(?:inuse|used)bythisprocess)"},
    {&OomEvent::process_in_use, R"(thisprocess(?:uses|isusing)~?(~S))"},
    {&OomEvent::reserved_unallocated, R"(reservedbutunallocated[:=]?~?(~S))"},
    {&OomEvent::reserved_unallocated, R"((~S)(?:is)?reservedbutunallocated)"},
    {&OomEvent::allocated, R"(pytorch(?:has)?allocated[:=]?~?(~S))"},
    {&OomEvent::allocated, R"((~S)allocatedbypytorch)"},
    {&OomEvent::allocated, R"(pytorch(?:has|holds|uses)~?(~S))"},
    {&OomEvent::allocated, R"([;,(](~S)allocated[;,)])"},
    {&OomEvent::reserved, R"((~S)reserved[;,.)])"},
};

constexpr FieldRule kMpsFields[] = {
    {&OomEvent::allocated, R"((?:mps|currently)allocated:(~S))"},
    {&OomEvent::other_allocations, R"(otherallocations:(~S))"},
    {&OomEvent::allowed, R"(maxallowed:(~S))"},
    {&OomEvent::requested, R"(triedtoallocate(~S))"},
};

constexpr FieldRule kAsyncFields[] = {
    {&OomEvent::allocated, R"(currentlyallocated:?(~S))"},
    {&OomEvent::requested, R"(requested:?(~S))"},
    {&OomEvent::total, R"(devicelimit:?(~S))"},
    {&OomEvent::free, R"(free\(accordingtocuda\):?(~S))"},
    {&OomEvent::allowed, R"(pytorchlimit(?:\([a-z -]*\))?:?(~S))"},
};

constexpr const char* kSize = R"(\d[\d,]*(?:\.\d+)?(?:bytes|[kmgt]i?b))";

constexpr const char* kBareSize = R"(\d[\d,]*(?:\.\d+)?[kmgt])";

struct CompiledField {
  Field field;
  const RE2* pattern;
};

template <size_t kCount>
std::vector<CompiledField> Compile(const FieldRule (&rules)[kCount]) {
  std::vector<CompiledField> compiled;
  for (const FieldRule& rule : rules) {
    std::string pattern = rule.pattern;
    const bool bare = pattern.find("~B") != std::string::npos;
    pattern.replace(pattern.find(bare ? "~B" : "~S"), 2, bare ? kBareSize : kSize);
    compiled.push_back({rule.field, new RE2(pattern, RE2::Latin1)});
  }
  return compiled;
}

void Read(const std::vector<CompiledField>& fields, std::string_view text, OomEvent& event,
          size_t& end) {
  for (const CompiledField& field : fields) {
    if (event.*field.field) {
      continue;
    }
    re2::StringPiece groups[2];
    if (field.pattern->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                             RE2::UNANCHORED, groups, 2)) {
      event.*field.field = CaughtSize({groups[1].data(), groups[1].size()});
      end = std::max(end, static_cast<size_t>(groups[0].data() - text.data()) + groups[0].size());
    }
  }
}

void ReadProcesses(std::string_view text, OomEvent& event, size_t& end) {
  static const RE2* const kProcess =
      new RE2(std::string(R"(process(\d+)has()") + kSize + ")", RE2::Latin1);
  re2::StringPiece rest(text.data(), text.size());
  int64_t pid = 0;
  re2::StringPiece size;
  while (event.other_processes.size() < 1024 &&
         RE2::FindAndConsume(&rest, *kProcess, &pid, &size)) {
    event.other_processes.push_back({pid, CaughtSize({size.data(), size.size()})});
    end = std::max(end, static_cast<size_t>(rest.data() - text.data()));
  }
}

void ReadDevice(std::string_view text, OomEvent& event) {
  // 2.3.x prints the index as a character: device 1 is the byte 0x01.
  static const RE2* const kDevice = new RE2(
      R"((?:gpu|npu|xpu|mlu|gcu|musa|supa|device)(?:(\d{1,4})|([\x01-\x08]))(?:hasatotal|;|,| |\.\.))",
      RE2::Latin1);
  int64_t index = 0;
  std::string number;
  std::string control;
  if (RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *kDevice, &number, &control)) {
    index = number.empty() ? control[0] : *ParseInt(number);
    event.device = index;
  }
}

// What each release says differently; the border releases are about right (they come from dated
// copies of the source, not from every tag).
std::string Version(std::string_view text, const OomEvent& event) {
  const bool own_class = Contains(text.substr(0, 40), "cuda.outofmemoryerror");
  if (Contains(text, "totalcapacty")) {
    return "2.1";
  }
  if (Contains(text, "cached)")) {
    return "1.0-1.3";
  }
  if (Contains(text, "totalcapacity;")) {
    if (Contains(text, "max_split_size_mb")) {
      return own_class ? "1.13-2.0" : "1.10-2.0";
    }
    return event.allowed ? "1.8-1.9" : "1.4-1.9";
  }
  if (Contains(text, "hasatotalcapacityof")) {
    if (Contains(text, "docs.pytorch.org")) {
      return "2.10+";
    }
    if (Contains(text,
                 "setting"
                 "pytorch_alloc_conf")) {
      return "2.9+";
    }
    if (event.allowed) {
      return "2.5+";
    }
    return own_class ? "2.2-2.4" : "2.4+";
  }
  // Device 0 as a character ends the text; what follows is another line.
  static const RE2 kCut(R"(^.{0,80}triedtoallocate[\d.,]+[a-z]+\.gpu(?:[^\dh]|$))", RE2::Latin1);
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), kCut) ? "2.3" : "";
}

Framework Relative(std::string_view head) {
  struct Name {
    std::string_view word;
    Framework framework;
  };
  constexpr Name kNames[] = {
      {"xpuoutof", Framework::kPytorchXpu},   {"npuoutof", Framework::kPytorchNpu},
      {"mluoutof", Framework::kPytorchMlu},   {"gcuoutof", Framework::kPytorchGcu},
      {"musaoutof", Framework::kPytorchMusa}, {"supaoutof", Framework::kPytorchSupa},
  };
  for (const Name& name : kNames) {
    if (Contains(head, name.word)) {
      return name.framework;
    }
  }
  return Framework::kPytorch;
}

// The part of `text` that can belong to the message: up to the head of another one. A request that
// the head lacks may follow the other sentences, unless another message begins before it.
std::string_view Extent(std::string_view text, size_t head, bool has_request) {
  constexpr size_t kFarthestRequest = 600;
  const size_t request = has_request ? text.npos : text.find("triedtoallocate", head);
  if (request != text.npos && request < head + kFarthestRequest &&
      text.find("outofmemory", head) > request && text.find("error:", head) > request) {
    head = request + 1;
  }
  size_t end = text.size();
  for (const std::string_view stop :
       {"outofmemory", "triedtoallocate", "traceback(most", "duringhandlingof", "terminatecalled",
        "exceptionraisedfrom", "wouldexceedallowed"}) {
    end = std::min(end, text.find(stop, head));
  }
  return text.substr(0, end);
}

}  // namespace

std::optional<Bytes> CaughtSize(std::string_view caught) {
  size_t digits = 0;
  while (digits < caught.size() && (caught[digits] < 'a' || caught[digits] > 'z')) {
    ++digits;
  }
  return ReadSize(caught.substr(0, digits), caught.substr(digits));
}

size_t ReadFields(std::string_view text, size_t head, OomEvent& event) {
  size_t end = head;
  switch (event.wording) {
    case Wording::kAllocator: {
      static const auto* const kFields = new auto(Compile(kAllocatorFields));
      static const auto* const kRetyped = new auto(Compile(kRetypedFields));
      text = Extent(text, head, event.requested || Contains(text.substr(0, head), "triedto"));
      if (event.framework == Framework::kPytorch) {
        event.framework = Relative(text.substr(0, head));
      }
      Read(*kFields, text, event, end);
      ReadProcesses(text, event, end);
      if (!event.total || !event.allocated) {
        Read(*kRetyped, text.substr(0, std::max(head, end) + 240), event, end);
      }
      const size_t stop = std::min(text.size(), end + 400);
      ReadDevice(text.substr(0, stop), event);
      if (event.framework == Framework::kPytorch || event.framework == Framework::kLibtorch) {
        event.version = Version(text.substr(0, stop), event);
      }
      break;
    }
    case Wording::kMps: {
      static const auto* const kFields = new auto(Compile(kMpsFields));
      // The request follows in the same message and is no other one's head.
      size_t limit = std::min(text.size(), head + 320);
      limit = std::min(limit, text.find("mpsbackend", head));
      Read(*kFields, text.substr(0, limit), event, end);
      break;
    }
    case Wording::kAsyncAllocator: {
      static const auto* const kFields = new auto(Compile(kAsyncFields));
      size_t limit = std::min(text.size(), head + 600);
      limit = std::min(limit, text.find("wouldexceedallowed", head));
      Read(*kFields, text.substr(0, limit), event, end);
      break;
    }
    default:
      break;
  }
  return end;
}

}  // namespace vramcast::crashlog
