#include "cli/fit_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <ostream>
#include <utility>

#include "base/text.h"
#include "cli/forecast_text.h"
#include "forecast/sweep.h"

namespace vramcast::cli {
namespace {

using forecast::Point;

// More is a mistake in typing, and would fill the memory of the machine.
constexpr size_t kMostValues = 4096;

Error BadNumbers(std::string_view flag, std::string_view text) {
  return {ErrorKind::kUsage,
          fmt::format("--{}: \"{}\" is not a list of whole numbers from 1, such as 1,2,4 or 4..40",
                      flag, text)};
}

const char* FitsText(const Point& point) {
  if (!point.fits) return "null";
  return *point.fits ? "true" : "false";
}

void WriteCsv(const Point& p, fmt::memory_buffer* out) {
  fmt::format_to(std::back_inserter(*out), "{},{},\"{}\",{},{},{},{},{},{},{},{},{},{},{}\n",
                 p.depth, p.device_batch_size, p.card, p.capacity.count(), PhaseName(p.peak_phase),
                 p.peak_allocated.count(), p.peak_reserved.count(), p.peak_device.count(),
                 p.interval.low.count(), p.interval.high.count(), p.device_interval.low.count(),
                 p.device_interval.high.count(), FitsText(p), p.refused);
}

// Names of cards hold no character that JSON escapes.
void WriteJson(const Point& p, fmt::memory_buffer* out) {
  fmt::format_to(
      std::back_inserter(*out),
      R"({{"depth":{},"device_batch_size":{},"gpu":"{}","capacity_bytes":{},)"
      R"("peak":{{"phase":"{}","allocated_bytes":{},"reserved_bytes":{},"device_bytes":{}}},"interval":{{"low_bytes":{},"high_bytes":{}}},)"
      R"("device_interval":{{"low_bytes":{},"high_bytes":{}}},"fits":{},"refused":{}}})",
      p.depth, p.device_batch_size, p.card, p.capacity.count(), PhaseName(p.peak_phase),
      p.peak_allocated.count(), p.peak_reserved.count(), p.peak_device.count(),
      p.interval.low.count(), p.interval.high.count(), p.device_interval.low.count(),
      p.device_interval.high.count(), FitsText(p), p.refused);
}

void WriteText(const Point& p, fmt::memory_buffer* out) {
  fmt::format_to(std::back_inserter(*out), "{:>5} {:>5}  {:<34} {:>10} {:>10}  {}\n", p.depth,
                 p.device_batch_size, std::string_view(p.card).substr(0, 34), Gib(p.peak_allocated),
                 Gib(p.device_interval.high),
                 p.refused ? "refused"
                 : !p.fits ? "unknown"
                 : *p.fits ? "yes"
                           : "no");
}

class Printer {
 public:
  Printer(SweepForm form, Output& output) : form_(form), out_(output.out()) {}

  void Begin() {
    switch (form_) {
      case SweepForm::kText:
        fmt::format_to(std::back_inserter(buffer_), "{:>5} {:>5}  {:<34} {:>10} {:>10}  {}\n",
                       "depth", "batch", "card", "allocated", "at most", "fits");
        break;
      case SweepForm::kJson:
        fmt::format_to(std::back_inserter(buffer_),
                       R"({{"schema":"vramcast.fit","version":1,"points":[)");
        break;
      case SweepForm::kCsv:
        fmt::format_to(
            std::back_inserter(buffer_),
            "depth,device_batch_size,gpu,capacity_bytes,peak_phase,"
            "peak_allocated_bytes,peak_reserved_bytes,peak_device_bytes,interval_low_bytes,"
            "interval_high_bytes,device_low_bytes,device_high_bytes,fits,refused\n");
        break;
    }
  }
  void Add(const Point& point) {
    switch (form_) {
      case SweepForm::kText:
        WriteText(point, &buffer_);
        break;
      case SweepForm::kJson:
        fmt::format_to(std::back_inserter(buffer_), "{}\n", any_ ? "," : "");
        WriteJson(point, &buffer_);
        break;
      case SweepForm::kCsv:
        WriteCsv(point, &buffer_);
        break;
    }
    any_ = true;
    if (buffer_.size() > kFlushAt) Flush();
  }
  void End() {
    if (form_ == SweepForm::kJson) fmt::format_to(std::back_inserter(buffer_), "\n]}}\n");
    Flush();
  }

 private:
  static constexpr size_t kFlushAt = 1 << 16;
  void Flush() {
    out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    buffer_.clear();
  }

  SweepForm form_;
  std::ostream& out_;
  fmt::memory_buffer buffer_;
  bool any_ = false;
};

}  // namespace

Result<std::vector<int64_t>> ParseNumbers(std::string_view text, std::string_view flag) {
  std::vector<int64_t> numbers;
  for (const std::string_view part : Split(text, ',')) {
    std::string_view range = Trim(part);
    int64_t step = 1;
    if (const size_t colon = range.find(':'); colon != std::string_view::npos) {
      step = ParseInt(range.substr(colon + 1)).value_or(0);
      range = range.substr(0, colon);
    }
    const size_t dots = range.find("..");
    const auto first = ParseInt(range.substr(0, dots));
    const auto last = dots == std::string_view::npos ? first : ParseInt(range.substr(dots + 2));
    if (!first || !last || *first < 1 || *last < *first || step < 1) {
      return tl::make_unexpected(BadNumbers(flag, text));
    }
    if (static_cast<uint64_t>(*last - *first) / static_cast<uint64_t>(step) + numbers.size() >=
        kMostValues) {
      return UsageError(fmt::format("--{}: more than {} values", flag, kMostValues));
    }
    for (int64_t number = *first; number <= *last; number += step) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

Result<std::vector<gpu::Card>> ParseCards(std::string_view text) {
  if (EqualsIgnoreCase(Trim(text), "all")) {
    const auto all = gpu::Catalogue();
    return std::vector<gpu::Card>(all.begin(), all.end());
  }
  std::vector<gpu::Card> cards;
  for (const std::string_view name : Split(text, ',')) {
    Result<gpu::CardMatch> match = gpu::FindCard(Trim(name));
    if (!match) return tl::make_unexpected(match.error());
    cards.push_back(std::move(match->card));
  }
  return cards;
}

Result<Exit> PrintSweep(const forecast::Request& request, const SweepAxes& axes, SweepForm form,
                        Output& output) {
  Printer printer(form, output);
  forecast::Sweep sweep(request);
  bool begun = false;
  for (const int64_t depth : axes.depths) {
    for (const int64_t batch : axes.batches) {
      for (const gpu::Card& card : axes.cards) {
        const Result<Point> point = sweep.At(depth, batch, card);
        if (!point) return tl::make_unexpected(point.error());
        if (!std::exchange(begun, true)) printer.Begin();
        printer.Add(*point);
      }
    }
  }
  printer.End();
  return Exit::kYes;
}

}  // namespace vramcast::cli
