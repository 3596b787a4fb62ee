#include "crashlog/scan.h"

#include <fcntl.h>
#include <re2/re2.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "crashlog/anchors.h"
#include "crashlog/context.h"
#include "crashlog/facts.h"
#include "crashlog/ledger.h"
#include "crashlog/message.h"
#include "crashlog/passage.h"
#include "crashlog/traceback.h"
#include "crashlog/when.h"

namespace vramcast::crashlog {
namespace {

constexpr size_t kChunk = 1 << 20;
// Kept before the place that is read: tracebacks of deep programs and the steps before them.
constexpr size_t kBehind = 128 << 10;
// Kept after it: a message with all its processes, and frames that follow it.
constexpr size_t kAhead = 32 << 10;
constexpr size_t kMessageBehind = 512;
constexpr size_t kMessageAhead = 20 << 10;
constexpr size_t kFramesBehind = 96 << 10;
constexpr size_t kFramesAhead = 8 << 10;
constexpr size_t kMostEvidence = 4 << 10;
// What is read closely for settings and steps: the beginning whole, then a sample of each chunk,
// and what comes before every event and the end. A log of many gigabytes stays cheap so.
constexpr uint64_t kFactsWhole = 1 << 20;
constexpr size_t kFactsSample = 2 << 10;
constexpr size_t kFactsBefore = 64 << 10;

}  // namespace

class Scanner::Impl {
 public:
  void Feed(std::string_view chunk) {
    while (!chunk.empty()) {
      const size_t part = std::min(chunk.size(), kChunk);
      buffer_.append(chunk.substr(0, part));
      chunk.remove_prefix(part);
      if (buffer_.size() - scanned_ >= kChunk) {
        Scan(buffer_.size() - kAhead);
        Trim();
      }
    }
  }

  LogReport Finish() {
    Scan(buffer_.size());
    ReadFacts(std::max(facts_until_, Back(buffer_.size(), kFactsBefore)), buffer_.size());
    CountTo(buffer_.size());
    report_.bytes = base_ + buffer_.size();
    report_.lines = lines_ + (!buffer_.empty() && buffer_.back() != '\n' ? 1 : 0);
    report_.looks_binary = report_.nul_bytes > 0 && report_.nul_bytes * 20 > facts_bytes_;
    report_.events_dropped = ledger_.dropped();
    report_.events = ledger_.Close(report_.out_of_range_index);
    training_program_ = NamesTraining();
    for (OomEvent& event : report_.events) {
      SetTime(event);
    }
    return std::move(report_);
  }

 private:
  size_t Back(size_t from, size_t by) const { return from > by ? from - by : 0; }

  // The start of the line that holds `at`, looked for no farther than `most` back.
  size_t LineStart(size_t at, size_t most) const {
    const size_t floor = Back(at, most);
    const void* found = at > floor ? memrchr(buffer_.data() + floor, '\n', at - floor) : nullptr;
    return found == nullptr
               ? floor
               : static_cast<size_t>(static_cast<const char*>(found) - buffer_.data()) + 1;
  }

  // The end of the line that holds `at`.
  size_t LineEnd(size_t at, size_t most) const {
    const size_t limit = std::min(buffer_.size(), at + most);
    const void* found = at < limit ? memchr(buffer_.data() + at, '\n', limit - at) : nullptr;
    return found == nullptr ? limit
                            : static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
  }

  void CountTo(size_t to) {
    if (to > counted_) {
      lines_ += CountLines(std::string_view(buffer_).substr(counted_, to - counted_));
      counted_ = to;
    }
  }

  Place PlaceOf(size_t at) const {
    const std::string_view text = buffer_;
    const uint64_t line = at >= counted_ ? lines_ + CountLines(text.substr(counted_, at - counted_))
                                         : lines_ - CountLines(text.substr(at, counted_ - at));
    return {base_ + at, line + 1};
  }

  void Scan(size_t limit) {
    const size_t begin = scanned_;
    while (scanned_ < limit) {
      const size_t at = FindAnchor(buffer_, scanned_, limit);
      if (at >= limit) {
        scanned_ = limit;
        break;
      }
      scanned_ = at + 4;
      if (at >= handled_until_ && WorthReading(buffer_, at)) {
        CountTo(at);
        Examine(at);
      }
    }
    scanned_ = std::max(scanned_, limit);
    // Settings and steps, where no event asked for them.
    if (base_ + begin < kFactsWhole) {
      ReadFacts(facts_until_, std::min<size_t>(limit, kFactsWhole - std::min(base_, kFactsWhole)));
    } else {
      ReadFacts(std::max(facts_until_, begin), std::min(limit, begin + kFactsSample));
    }
  }

  void Trim() {
    const size_t keep_from = Back(scanned_, kBehind);
    CountTo(keep_from);
    buffer_.erase(0, keep_from);
    base_ += keep_from;
    for (size_t* position : {&scanned_, &counted_, &handled_until_, &facts_until_}) {
      *position = Back(*position, keep_from);
    }
  }

  void ReadFacts(size_t from, size_t to) {
    if (from >= to) {
      return;
    }
    from = std::max(from, LineStart(from, 4096));
    const std::string_view raw = std::string_view(buffer_).substr(from, to - from);
    const Place start = PlaceOf(from);
    report_.nul_bytes += static_cast<uint64_t>(std::count(raw.begin(), raw.end(), '\0'));
    facts_bytes_ += raw.size();
    facts_.Read(CleanLines(raw), start, ledger_.has_vram_oom(), report_);
    facts_until_ = to;
  }

  static size_t LineAt(const std::vector<CleanLine>& lines, size_t raw) {
    const auto after = std::upper_bound(lines.begin(), lines.end(), raw,
                                        [](size_t r, const CleanLine& l) { return r < l.begin; });
    return after == lines.begin() ? 0 : static_cast<size_t>(after - lines.begin()) - 1;
  }

  // What stands around an anchor, read closely.
  struct Close {
    size_t start = 0;  // in the buffer
    std::vector<CleanLine> lines;
    Compact compact;
    size_t line = 0;   // the anchor's line
    size_t near = 0;   // the anchor in the compact text
    bool cut = false;  // the text goes on behind
  };

  Close LookClosely(size_t at, size_t ahead) const {
    Close close;
    close.start =
        std::max(std::min(handled_until_, at), LineStart(Back(at, kMessageBehind), kMessageBehind));
    const size_t stop = LineEnd(std::min(at + ahead, buffer_.size()), 512);
    close.cut = stop < buffer_.size();
    close.lines = CleanLines(std::string_view(buffer_).substr(close.start, stop - close.start));
    close.line = LineAt(close.lines, at - close.start);
    close.compact = MakeCompact(close.lines, close.line);
    close.near = close.compact.FromRaw(at - close.start);
    return close;
  }

  void Examine(size_t at) {
    Close close = LookClosely(at, kMessageAhead / 8);
    auto message = ReadMessage(close.compact, 0, close.near, close.near + 8);
    // Long lists of processes and the lines of other ranks in between are rare.
    if (message && close.cut && message->end + 600 > close.compact.text.size() &&
        message->event.wording <= Wording::kMps) {
      close = LookClosely(at, kMessageAhead);
      message = ReadMessage(close.compact, 0, close.near, close.near + 8);
    }
    const auto& [start, lines, compact, line, near, cut] = close;
    const std::string_view around = std::string_view(compact.text).substr(Back(near, 60), 60 + 200);
    if (Contains(around, "assertion") && IsBadIndex(around)) {
      report_.out_of_range_index = true;
    }
    if (!message) {
      if ((buffer_[at] | 0x20) == 'k' && IsBareKilled(lines[line].text)) {
        message.emplace();
        message->event.wording = Wording::kBareKilled;
        message->begin = near;
        message->end = near + 6;
      } else if (buffer_[at] == 'M' && IsMemoryError(lines[line].text)) {
        message.emplace();
        message->event.wording = Wording::kHostAllocation;
        message->begin = near;
        message->end = near + 11;
      } else {
        return;
      }
    }
    if (!IsWhole(*message, compact, lines)) {
      return;
    }
    const size_t begin = start + compact.at[message->begin];
    const size_t last = std::min(message->end, compact.at.size());
    const size_t end = start + compact.at[last - 1] + 1;
    OomEvent& event = message->event;
    event.place = PlaceOf(begin);
    const CleanLine& head = lines[LineAt(lines, begin - start)];
    if (!event.rank) {
      event.rank = head.rank;
    }
    if (!event.pid) {
      event.pid = head.pid;
    }
    Reconsider(ContextOf(begin, end), event);
    // Another rank may have begun its own message between the lines of this one.
    const size_t past = IsInterleaved(lines, begin - start, end - start)
                            ? std::min(end, LineEnd(begin, kMessageAhead))
                            : end;
    handled_until_ = std::max(handled_until_, past);
    scanned_ = std::max(scanned_, past);
    const Place told_until = PlaceOf(end);
    if (const auto known = ledger_.Fold(event, told_until)) {
      constexpr int64_t kTellingsRead = 4;
      if (ledger_.at(*known).frames.empty() && ledger_.at(*known).repeats < kTellingsRead) {
        ledger_.at(*known).frames = Stack(begin, event.rank);
      }
      return;
    }
    ReadFacts(std::max(facts_until_, Back(begin, kFactsBefore)), begin);
    event.frames = Stack(begin, event.rank);
    const size_t from = LineStart(begin, 256);
    const size_t to = LineEnd(end, 512);
    event.evidence = buffer_.substr(from, std::min(to - from, kMostEvidence));
    ledger_.Add(std::move(event), told_until);
  }

  static bool IsInterleaved(const std::vector<CleanLine>& lines, size_t begin, size_t end) {
    const auto rank = lines[LineAt(lines, begin)].rank;
    const size_t last = LineAt(lines, end - 1);
    for (size_t i = LineAt(lines, begin); i <= last; ++i) {
      if (lines[i].rank != rank) {
        return true;
      }
    }
    return false;
  }

  // "CUDA out of memory" in the middle of a sentence is talk about it. It counts with its numbers,
  // after an exception's name, or alone at the start of a line.
  static bool IsWhole(const Message& message, const Compact& compact,
                      const std::vector<CleanLine>& lines) {
    const OomEvent& event = message.event;
    if (event.wording != Wording::kAllocator || event.requested || event.total || event.allocated) {
      return true;
    }
    const std::string_view head =
        std::string_view(compact.text).substr(message.begin, message.end - message.begin);
    if (Contains(head, "triedtoallocate") || Contains(head, "instanceof") ||
        head.find(':') != std::string_view::npos || Contains(head, "error(")) {
      return true;
    }
    const size_t at = compact.at[message.begin];
    const CleanLine& line = lines[LineAt(lines, at)];
    const size_t first = line.text.find_first_not_of(" \t\"'`*");
    if (first == std::string::npos || line.at[first] != at) {
      return false;
    }
    static const RE2 kTalk(
        R"((?i)^\W*\w+ out of memory\s+(?:on\s+(?:cards?|gpus|an?|the|some|my|your|most)|if|is|are|can|may|might|and|or|then|with|for|errors|issues|problems)\b)");
    return !RE2::PartialMatch(line.text, kTalk);
  }

  Context ContextOf(size_t begin, size_t end) const {
    constexpr size_t kAround = 1500;
    const std::string_view text = buffer_;
    const size_t line = LineStart(begin, 512);
    const size_t from = Back(begin, kAround);
    return {text.substr(line, LineEnd(end, 512) - line), text.substr(from, begin - from),
            text.substr(from, std::min(end + kAround, text.size()) - from)};
  }

  std::vector<Frame> Stack(size_t begin, std::optional<int64_t> rank) const {
    const size_t to = LineEnd(std::min(begin + kFramesAhead, buffer_.size()), 4096);
    std::vector<Frame> frames;
    // Most tracebacks are short; the wide look is for those that are not.
    for (const size_t behind : {kFramesBehind / 8, kFramesBehind}) {
      const size_t from = LineStart(Back(begin, behind), 4096);
      const std::string_view raw = std::string_view(buffer_).substr(from, to - from);
      const std::vector<CleanLine> lines = CleanLines(raw);
      frames = ReadFrames(lines, LineAt(lines, begin - from), rank);
      if (frames.empty() || Contains(raw.substr(0, begin - from), "Traceback (most recent")) {
        break;
      }
    }
    return frames;
  }

  bool NamesTraining() const {
    const auto trains = [](std::string_view text) {
      return Contains(text, "train") || Contains(text, "finetun") || Contains(text, "chat_sft") ||
             Contains(text, "chat_rl");
    };
    if (report_.nanochat.script && trains(*report_.nanochat.script)) {
      return true;
    }
    for (const LoggedCommand& command : report_.commands) {
      if (trains(command.text)) {
        return true;
      }
    }
    for (const OomEvent& event : report_.events) {
      for (const Frame& frame : event.frames) {
        if (trains(std::string_view(frame.file).substr(frame.file.rfind('/') + 1))) {
          return true;
        }
      }
    }
    return false;
  }

  void SetTime(OomEvent& event) const {
    // A command between them starts another run.
    uint64_t run_start = 0;
    for (const LoggedCommand& command : report_.commands) {
      if (command.place.offset < event.place.offset) {
        run_start = command.place.offset;
      }
    }
    std::optional<Progress> training;
    bool evaluating = false;
    for (const Progress& progress : report_.progress) {
      if (progress.place.offset >= event.place.offset) {
        break;
      }
      if (progress.place.offset < run_start || progress.of == Progress::Of::kLoading) {
        continue;
      }
      evaluating = progress.of == Progress::Of::kEvaluation;
      if (!evaluating) {
        training = progress;
      }
    }
    SetWhen(event, training, evaluating, training_program_);
  }

  std::string buffer_;
  uint64_t base_ = 0;         // offset of the buffer in the input
  size_t scanned_ = 0;        // positions in the buffer: anchors were looked for up to here,
  size_t counted_ = 0;        // line ends counted up to here,
  size_t handled_until_ = 0;  // messages understood up to here,
  size_t facts_until_ = 0;    // settings and steps read up to here
  uint64_t lines_ = 0;
  uint64_t facts_bytes_ = 0;
  bool training_program_ = false;
  Ledger ledger_;
  FactReader facts_;
  LogReport report_;
};

Scanner::Scanner() : impl_(std::make_unique<Impl>()) {}
Scanner::~Scanner() = default;
void Scanner::Feed(std::string_view chunk) { impl_->Feed(chunk); }
LogReport Scanner::Finish() { return impl_->Finish(); }

LogReport ScanText(std::string_view text) {
  Scanner scanner;
  scanner.Feed(text);
  return scanner.Finish();
}

Result<LogReport> ScanFd(int fd) {
  Scanner scanner;
  std::string chunk(kChunk, '\0');
  while (true) {
    const ssize_t got = read(fd, chunk.data(), chunk.size());
    if (got == 0) {
      return scanner.Finish();
    }
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return UnreadableError(std::string("cannot read the log: ") + std::strerror(errno));
    }
    scanner.Feed(std::string_view(chunk).substr(0, static_cast<size_t>(got)));
  }
}

Result<LogReport> ScanFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return UnreadableError("cannot open " + path + ": " + std::strerror(errno));
  }
  auto report = ScanFd(fd);
  close(fd);
  if (!report) {
    report.error().message = path + ": " + report.error().message;
  }
  return report;
}

}  // namespace vramcast::crashlog
