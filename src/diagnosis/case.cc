#include "diagnosis/case.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "base/text.h"

namespace vramcast::diagnosis {
namespace {

using crashlog::Framework;
using crashlog::Wording;

constexpr size_t kLongestQuote = 160;

// Patterns are few and fixed, lines many: each is compiled once.
const RE2& Compiled(std::string_view pattern) {
  thread_local std::map<std::string, std::unique_ptr<RE2>, std::less<>> cache;
  const auto found = cache.find(pattern);
  if (found != cache.end()) {
    return *found->second;
  }
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  auto compiled = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  return *cache.emplace(std::string(pattern), std::move(compiled)).first->second;
}

bool Matches(std::string_view text, const RE2& pattern) {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), pattern);
}

// The part of a line that a reader can take in, with what matched inside it.
std::string Excerpt(std::string_view line, const RE2& pattern) {
  line = Trim(line);
  if (line.size() <= kLongestQuote) {
    return std::string(line);
  }
  const re2::StringPiece piece(line.data(), line.size());
  re2::StringPiece hit;
  size_t begin = 0;
  if (pattern.Match(piece, 0, piece.size(), RE2::UNANCHORED, &hit, 1)) {
    const auto at = static_cast<size_t>(hit.data() - line.data());
    begin = at > kLongestQuote / 4 ? at - kLongestQuote / 4 : 0;
  }
  return fmt::format("{}{}{}", begin > 0 ? "…" : "", Trim(line.substr(begin, kLongestQuote)),
                     begin + kLongestQuote < line.size() ? "…" : "");
}

bool IsOneTensor(Wording wording) {
  switch (wording) {
    case Wording::kXla:
    case Wording::kXlaHbm:
    case Wording::kTensorflowPool:
    case Wording::kVllmCacheBlocks:
    case Wording::kVllmStartup:
    case Wording::kVllmSequence:
    case Wording::kSglang:
    case Wording::kLlamaCpp:
      return false;
    default:
      return true;
  }
}

bool IsServer(Framework framework) {
  return framework == Framework::kVllm || framework == Framework::kSglang ||
         framework == Framework::kLlamaCpp || framework == Framework::kOllama ||
         framework == Framework::kOnnxruntime;
}

// Steps are compared with steps: within one step memory rises and falls anyway. Samples without a
// step only count where the log shows that many steps passed.
void FillMemory(Case& c) {
  struct Series {
    std::vector<Bytes> samples;
    std::optional<int64_t> step;
  };
  std::map<std::string, Series> by_source;
  for (const crashlog::MemorySample& sample : c.log->report.memory) {
    if (sample.place.offset > c.event->place.offset) {
      continue;
    }
    Series& series = by_source[sample.source];
    if (!sample.step && c.event->pattern != crashlog::Pattern::kGradual) {
      continue;
    }
    if (sample.step && sample.step == series.step) {
      series.samples.back() = std::max(series.samples.back(), sample.bytes);
    } else {
      series.samples.push_back(sample.bytes);
    }
    series.step = sample.step;
  }
  for (auto& [source, series] : by_source) {
    if (series.samples.size() > c.memory_series.size()) {
      c.memory_series = std::move(series.samples);
      c.memory_source = source;
    }
  }
}

void FillProgress(Case& c) {
  const crashlog::Progress* last = nullptr;
  for (const crashlog::Progress& progress : c.log->report.progress) {
    if (progress.place.offset <= c.event->place.offset) {
      last = &progress;
    }
  }
  if (last == nullptr) {
    return;
  }
  for (const Line& line : *c.lines) {
    if (line.number == last->place.line && !Trim(line.text).empty()) {
      c.progress = Evidence{std::string(Trim(line.text).substr(0, kLongestQuote)),
                            fmt::format("{}:{}", c.log->name, line.number)};
      return;
    }
  }
  c.progress = Evidence{fmt::format("the last progress printed is {}{}", last->step,
                                    last->total ? fmt::format(" of {}", *last->total) : ""),
                        fmt::format("{}:{}", c.log->name, last->place.line)};
}

}  // namespace

Case MakeCase(const Log& log, size_t event) {
  static const std::vector<Line> kNoLines;
  Case c;
  c.log = &log;
  c.event = &log.report.events[event];
  c.lines = event < log.around.size() ? &log.around[event] : &kNoLines;
  c.source = fmt::format("{}:{}", log.name, c.event->place.line);
  c.figures = FiguresOf(*c.event);
  c.loading_weights = c.event->phase == Phase::kModelInit || c.event->phase == Phase::kResume;
  c.serving = c.event->phase == Phase::kInference || IsServer(c.event->framework) ||
              Mentions(c, R"(\bvllm\b|EngineCore|\bsglang\b)");
  for (const crashlog::Frame& frame : c.event->frames) {
    const std::string where = frame.file + " " + frame.function + " " + frame.code;
    c.no_grad = c.no_grad || Matches(where, Compiled("no_grad|inference_mode|decorate_context|"
                                                     "utils/_contextlib"));
  }
  for (const std::string& setting : log.report.allocator_settings) {
    c.expandable_segments =
        c.expandable_segments || Matches(setting, Compiled("expandable_segments *:? *True"));
  }
  c.nanochat =
      log.report.nanochat.any() ||
      Mentions(c, R"(nanochat[/\\](gpt|engine|core_eval|optim|muon|adamw)\.py|)"
                  R"(scripts[./\\](base_train|mid_train|chat_sft|chat_rl|base_eval|chat_eval))");
  c.one_request_is_one_tensor = IsOneTensor(c.event->wording);
  FillMemory(c);
  FillProgress(c);
  return c;
}

std::optional<Evidence> Quote(const Case& c, std::string_view pattern) {
  const RE2& compiled = Compiled(pattern);
  for (const Line& line : *c.lines) {
    if (Matches(line.text, compiled)) {
      return Evidence{Excerpt(line.text, compiled), fmt::format("{}:{}", c.log->name, line.number)};
    }
  }
  if (Matches(c.event->evidence, compiled)) {
    return Evidence{Excerpt(c.event->evidence, compiled), c.source};
  }
  for (const crashlog::Frame& frame : c.event->frames) {
    for (const std::string* text : {&frame.code, &frame.function, &frame.file}) {
      if (Matches(*text, compiled)) {
        return Evidence{Excerpt(*text, compiled),
                        frame.line > 0 ? fmt::format("{}:{}", frame.file, frame.line) : c.source};
      }
    }
  }
  return std::nullopt;
}

bool Mentions(const Case& c, std::string_view pattern) { return Quote(c, pattern).has_value(); }

bool MatchesFramework(const Case& c, std::string_view pattern) {
  return Matches(crashlog::FrameworkName(c.event->framework), Compiled(pattern));
}

}  // namespace vramcast::diagnosis
