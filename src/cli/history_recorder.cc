#include "cli/history_recorder.h"

#include <chrono>
#include <filesystem>
#include <utility>

namespace vramcast::cli {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

store::SampleRow RowOf(const monitor::Sample& sample) {
  store::SampleRow row{.time = sample.time, .step = sample.step, .gpus = {}};
  row.gpus.reserve(sample.gpus.size());
  for (const monitor::GpuSample& gpu : sample.gpus) {
    store::GpuPoint point{.uuid = gpu.id,
                          .name = gpu.name,
                          .index = gpu.index,
                          .used = gpu.used,
                          .capacity = gpu.capacity,
                          .utilisation = gpu.utilisation,
                          .temperature = gpu.temperature,
                          .processes = {}};
    for (const monitor::ProcessSample& process : gpu.processes) {
      if (process.graphics) continue;
      if (process.allocated)
        point.allocated = point.allocated.value_or(Bytes(0)) + *process.allocated;
      if (process.reserved) point.reserved = point.reserved.value_or(Bytes(0)) + *process.reserved;
      point.processes.push_back({.pid = process.pid, .name = process.name, .used = process.used});
    }
    row.gpus.push_back(std::move(point));
  }
  return row;
}

}  // namespace

monitor::Sample SampleOf(const monitor::Report& report) {
  monitor::Sample sample{.time = report.time, .step = report.step, .gpus = {}};
  sample.gpus.reserve(report.gpus.size());
  for (const monitor::GpuReport& gpu : report.gpus) sample.gpus.push_back(gpu.sample);
  return sample;
}

HistoryRecorder::HistoryRecorder(const std::string& file, Output& output,
                                 const store::Limits& limits)
    : output_(output) {
  if (!file.empty()) {
    history_.emplace(std::filesystem::path(file), limits);
  } else if (auto own = store::HistoryFile()) {
    history_.emplace(*own, limits);
  } else {
    output_.Note("no history is kept: " + own.error().message);
  }
  Say();
}

void HistoryRecorder::Begin(const store::RunStart& start) {
  if (!history_) return;
  store::RunStart begun = start;
  if (begun.began == 0) begun.began = Now();
  history_->Begin(begun);
  Say();
}

void HistoryRecorder::Add(const monitor::Sample& sample) {
  if (!history_) return;
  history_->Append(RowOf(sample));
  Say();
}

void HistoryRecorder::End(store::RunEnd end) {
  if (!history_) return;
  if (end.ended == 0) end.ended = Now();
  history_->End(end);
  Say();
}

void HistoryRecorder::Say() {
  if (!history_) return;
  for (const std::string& message : history_->TakeMessages()) output_.Note(message);
}

}  // namespace vramcast::cli
