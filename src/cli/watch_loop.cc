#include "cli/watch_loop.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "base/text.h"

namespace vramcast::cli {
namespace {

constexpr std::chrono::seconds kPatience{3};  // before a driver is said not to answer

}  // namespace

Status WatchLoop::Run() {
  while (!IsOver()) {
    if (TakeOne()) {
      if (!parts_.view->Attend()) stop_ = true;
      continue;
    }
    if (error_ && watcher_.samples() == 0) return tl::make_unexpected(*error_);
    if (!IsOver()) WaitForNext();
  }
  return {};
}

bool WatchLoop::IsOver() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) stop_ = Wake::Took(signal) || stop_;
  if (parts_.attached != nullptr && ended_.empty() && !parts_.attached->IsAlive()) {
    ended_ = fmt::format("process {} has ended", parts_.attached->pid());
    stop_ = true;
  }
  return stop_ || (most_ && watcher_.samples() >= *most_) || !*parts_.out;
}

// Asks for a sample when its time has come, and handles one that is there; false: none is.
bool WatchLoop::TakeOne() {
  WatchSource& source = *parts_.source;
  if (source.is_live() && !asked_) {
    if (Clock::now() < next_) return false;
    source.Ask();
    asked_ = true;
  }
  WatchSource::Answer answer = source.Take();
  for (const std::string& note : answer.notes) parts_.view->Note(note);
  if (answer.ended) {
    stop_ = true;
    return true;
  }
  if (!answer.sample && !answer.error) return false;
  asked_ = false;
  parts_.view->Stalled(std::nullopt);
  if (source.is_live()) {
    // Beats that were missed (the machine slept) are left out.
    const auto beat =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(interval_));
    next_ = std::max(next_ + beat, Clock::now());
  }
  if (answer.error) {
    error_ = answer.error;
    if (watcher_.samples() > 0) parts_.view->Note(answer.error->message);
    // A driver that is away is not asked in a hurry.
    next_ = std::max(next_, Clock::now() + std::chrono::milliseconds(200));
    return false;
  }
  Process(std::move(*answer.sample));
  return true;
}

void WatchLoop::SetStep(monitor::Sample* sample) {
  if (parts_.log == nullptr) return;
  if (auto read = parts_.log->Poll(); !read) parts_.view->Note(read.error().message);
  std::optional<monitor::StepMark> mark;
  if (parts_.source->is_live()) {
    mark = parts_.log->last();
  } else if (!sample->step) {
    mark = parts_.log->At(sample->time);
  }
  if (!mark) return;
  sample->step = mark->step;
  if (mark->total) sample->total_steps = mark->total;
}

// Of the GPUs only those that the attached process and its descendants use; all until they use one.
void WatchLoop::KeepAttached(monitor::Sample* sample) {
  if (parts_.attached == nullptr) return;
  for (const monitor::GpuSample& gpu : sample->gpus) {
    for (const monitor::ProcessSample& process : gpu.processes) {
      if (parts_.attached->Owns(process.pid)) attached_gpus_.insert(gpu.id);
    }
  }
  if (attached_gpus_.empty()) return;
  std::erase_if(sample->gpus,
                [this](const monitor::GpuSample& gpu) { return !attached_gpus_.contains(gpu.id); });
}

void WatchLoop::Process(monitor::Sample sample) {
  SetStep(&sample);
  KeepAttached(&sample);
  watcher_.Add(sample);
  report_ = watcher_.Now();
  parts_.run->Complete(&report_);
  parts_.records->Take(report_);
  SayRemarks();
  parts_.view->Show(report_);
}

void WatchLoop::SayRemarks() {
  if (parts_.remarks == nullptr || parts_.remarks->view().empty()) return;
  const std::string text = parts_.remarks->str();
  parts_.remarks->str("");
  for (std::string_view line : Split(text, '\n')) {
    constexpr std::string_view kName = "vramcast: ";
    if (line.starts_with(kName)) line.remove_prefix(kName.size());
    if (!line.empty()) parts_.view->Note(std::string(line));
  }
}

void WatchLoop::WaitForNext() {
  std::optional<Clock::time_point> until = next_;
  if (const auto waiting = parts_.source->Waiting()) {
    // The answer rings; until then only the clock that tells how long it takes goes on.
    const bool stalled = *waiting >= kPatience;
    if (stalled) parts_.view->Stalled(std::chrono::duration<double>(*waiting).count());
    until = Clock::now() + (stalled ? std::chrono::seconds(1) : kPatience - *waiting);
  }
  if (parts_.attached != nullptr) until = std::min(*until, Clock::now() + std::chrono::seconds(1));
  parts_.wake->Wait(until, parts_.view->key_fd());
  if (!parts_.view->Attend()) stop_ = true;
}

}  // namespace vramcast::cli
