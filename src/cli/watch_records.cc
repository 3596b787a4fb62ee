#include "cli/watch_records.h"

#include <fmt/format.h>

#include <utility>

#include "cli/flag_table.h"
#include "monitor/exposition.h"

namespace vramcast::cli {
namespace {

constexpr Bytes kLeastLimit(1 << 20);

}  // namespace

void WatchRecords::Declare(FlagTable& flags) {
  flags.Value("--listen", listen_,
              "serve metrics to Prometheus: :9400, or 127.0.0.1:9400 for this machine only");
  const Flag file =
      flags.Value("--history", file_, "keep the samples in this file, not in the user's own");
  flags.Value("--history-limit", limit_,
              "let the oldest samples go beyond this size (default 128MiB)");
  flags.Switch("--no-history", no_history_, "keep no samples").Excludes(file);
}

Status WatchRecords::Open(bool real, const std::string& command, Output& output) {
  output_ = &output;
  command_ = command;
  if (!listen_.empty()) {
    auto listener = monitor::Listener::Open(listen_);
    if (!listener) return tl::make_unexpected(listener.error());
    listener_ = *std::move(listener);
    output.Note("metrics are at " + listener_->url());
  }
  store::Limits limits;
  if (!limit_.empty()) {
    const auto size = ParseBytes(limit_);
    if (!size) return tl::make_unexpected(size.error());
    if (*size < kLeastLimit) return UsageError("--history-limit is at least 1MiB");
    limits.size = *size;
  }
  if (!no_history_ && (real || !file_.empty())) history_.emplace(file_, output, limits);
  return {};
}

void WatchRecords::Take(const monitor::Report& report) {
  ++samples_;
  if (history_) {
    if (samples_ == 1) {
      history_->Begin({.kind = store::RunKind::kWatch, .command = command_, .began = report.time});
    }
    last_time_ = report.time;
    history_->Add(SampleOf(report));
  }
  if (listener_) {
    listener_->Publish(monitor::Exposition(report, samples_, VRAMCAST_VERSION));
  }
}

void WatchRecords::End(int64_t exit_code) {
  if (!history_ || samples_ == 0) return;
  history_->End({.ended = last_time_,
                 .exit_code = exit_code,
                 .outcome = exit_code == 0 ? "finished" : "bad_news",
                 .peak_allocated = {},
                 .peak_reserved = {}});
}

}  // namespace vramcast::cli
