#include "crashlog/message.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "crashlog/message_fields.h"

namespace vramcast::crashlog {
namespace {

// How far a message's fields may reach behind its head: a list of a hundred processes fits.
constexpr size_t kLongestMessage = 16 << 10;

struct Compiled {
  const Rule* rule;
  std::unique_ptr<RE2> pattern;
  std::vector<std::string> names;  // of the groups, from 1
};

std::string Expand(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '~' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    switch (pattern[++i]) {
      case 'S':
        out += R"(\d[\d,]*(?:\.\d+)?(?:bytes|[kmgt]i?b))";
        break;
      case 'G':
        out += R"(\d[\d,]*(?:\.\d+)?(?:bytes|[kmgt]i?b|[kmgtb]))";
        break;
      default:
        out += R"(\d[\d,]*)";
    }
  }
  return out;
}

struct RuleBook {
  std::vector<Compiled> rules;
  std::unique_ptr<RE2::Set> any;

  RuleBook() {
    RE2::Options options(RE2::Latin1);
    any = std::make_unique<RE2::Set>(options, RE2::UNANCHORED);
    for (const std::span<const Rule> rows : {OtherRules(), GpuRules(), HostRules()}) {
      for (const Rule& rule : rows) {
        Compiled compiled{&rule, std::make_unique<RE2>(Expand(rule.pattern), options), {}};
        any->Add(Expand(rule.pattern), nullptr);
        compiled.names.resize(static_cast<size_t>(compiled.pattern->NumberOfCapturingGroups()) + 1);
        for (const auto& [index, name] : compiled.pattern->CapturingGroupNames()) {
          compiled.names[static_cast<size_t>(index)] = name;
        }
        rules.push_back(std::move(compiled));
      }
    }
    any->Compile();
  }
};

const RuleBook& Book() {
  static const RuleBook* const kBook = new RuleBook();
  return *kBook;
}

std::vector<int64_t> Shape(std::string_view dims) {
  std::vector<int64_t> shape;
  for (const std::string_view part : Split(dims, ',')) {
    if (const auto size = ParseInt(Trim(part))) {
      shape.push_back(*size);
    }
  }
  return shape;
}

void Fill(OomEvent& event, std::string_view name, std::string_view caught) {
  if (name == "requested" || name == "requested2") {
    event.requested = CaughtSize(caught);
  } else if (name == "total") {
    event.total = CaughtSize(caught);
  } else if (name == "free") {
    event.free = CaughtSize(caught);
  } else if (name == "free_gib") {
    event.free = CaughtSize(std::string(caught) + "gib");
  } else if (name == "allocated") {
    event.allocated = CaughtSize(caught);
  } else if (name == "taken") {
    event.allocated = CaughtSize(caught);
  } else if (name == "allowed") {
    event.allowed = CaughtSize(caught);
  } else if (name == "library") {
    event.library_request = CaughtSize(caught);
  } else if (name == "cache") {
    event.available_cache = CaughtSize(caught);
  } else if (name == "device" || name == "device2") {
    event.device = ParseInt(caught);
  } else if (name == "pid" || name == "pid2") {
    event.pid = ParseInt(caught);
  } else if (name == "rank") {
    event.rank = ParseInt(caught);
  } else if (name == "dims") {
    event.shape = Shape(caught);
  }
}

}  // namespace

std::optional<Message> ReadMessage(const Compact& compact, size_t from, size_t near,
                                   size_t near_end) {
  // The longest head has some 250 bytes.
  constexpr size_t kBefore = 220;
  constexpr size_t kAfter = 400;
  // A wrapped or coloured anchor is not found; the next one stands a few words behind the head.
  constexpr size_t kShortBefore = 32;
  const std::string_view text = compact.text;
  const size_t begin = std::max(from, near > kBefore ? near - kBefore : 0);
  const size_t end = std::min(text.size(), near_end + kAfter);
  if (begin >= end) {
    return std::nullopt;
  }
  const re2::StringPiece slice(text.data() + begin, end - begin);
  const RuleBook& book = Book();
  std::vector<int> hits;
  if (!book.any->Match(slice, &hits)) {
    return std::nullopt;
  }
  std::sort(hits.begin(), hits.end());

  const Compiled* best = nullptr;
  std::vector<re2::StringPiece> best_groups;
  for (const int hit : hits) {
    const Compiled& rule = book.rules[static_cast<size_t>(hit)];
    std::vector<re2::StringPiece> groups(rule.names.size());
    size_t start = 0;
    // The first that reaches the place asked for: what ends before it was read already, or is
    // somebody else's.
    while (rule.pattern->Match(slice, start, slice.size(), RE2::UNANCHORED, groups.data(),
                               static_cast<int>(groups.size()))) {
      const size_t stop = static_cast<size_t>(groups[0].data() - slice.data()) + groups[0].size();
      if (begin + stop + kShortBefore > near) {
        if (best == nullptr || groups[0].data() < best_groups[0].data()) {
          best = &rule;
          best_groups = groups;
        }
        break;
      }
      start = std::max(stop, start + 1);
    }
  }
  if (best == nullptr) {
    return std::nullopt;
  }

  Message message;
  OomEvent& event = message.event;
  event.wording = best->rule->wording;
  event.framework = best->rule->framework;
  for (size_t i = 1; i < best_groups.size(); ++i) {
    if (!best_groups[i].empty()) {
      Fill(event, best->names[i], {best_groups[i].data(), best_groups[i].size()});
    }
  }
  message.begin = static_cast<size_t>(best_groups[0].data() - text.data());
  if (message.begin >= near_end) {
    return std::nullopt;
  }
  message.end = message.begin + ReadFields(text.substr(message.begin, kLongestMessage),
                                           best_groups[0].size(), event);
  // A descriptor or map limit refuses a few bytes; want of memory refuses many.
  if (event.wording == Wording::kMmap && event.requested && event.requested->mib() < 1) {
    event.wording = Wording::kHandleLimit;
  }
  event.is_vram_oom = MemoryOf(event.wording) == Memory::kGpu;
  return message;
}

}  // namespace vramcast::crashlog
