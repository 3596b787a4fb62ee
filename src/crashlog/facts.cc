#include "crashlog/facts.h"

#include "base/text.h"
#include "crashlog/command_line.h"
#include "crashlog/memory_line.h"
#include "crashlog/nanochat_line.h"
#include "crashlog/progress_line.h"

namespace vramcast::crashlog {
namespace {

constexpr size_t kMostSamples = 4096;
constexpr size_t kMostCommands = 256;

// Every second one, the newest kept.
template <typename T>
void ThinOut(std::vector<T>& samples) {
  if (samples.size() < kMostSamples) {
    return;
  }
  size_t kept = 0;
  for (size_t i = 1; i < samples.size(); i += 2) {
    samples[kept++] = std::move(samples[i]);
  }
  samples.resize(kept);
}

}  // namespace

void FactReader::Read(std::span<const CleanLine> lines, Place start, bool frozen,
                      LogReport& report) {
  for (const CleanLine& line : lines) {
    const Place place{start.offset + line.begin, start.line + line.number};
    const std::string& text = line.text;
    if (!command_.empty()) {
      command_ += '\n';
      command_ += text;
      if (text.empty() || text.back() != '\\' || command_.size() > 16384) {
        report.commands.push_back({std::move(command_), command_place_});
        command_.clear();
      }
      continue;
    }
    if (text.size() < 3 || text.size() > 4096) {
      continue;
    }
    if (const auto command = CommandOf(text); command && report.commands.size() < kMostCommands) {
      if (command->back() == '\\') {
        command_ = *command;
        command_place_ = place;
      } else {
        report.commands.push_back({*command, place});
      }
      continue;
    }
    if (auto progress = ProgressOf(text)) {
      progress->place = place;
      ThinOut(report.progress);
      report.progress.push_back(*progress);
    }
    if (auto sample = MemoryOfLine(text)) {
      sample->place = place;
      if (!report.progress.empty()) {
        sample->step = report.progress.back().step;
      }
      ThinOut(report.memory);
      report.memory.push_back(std::move(*sample));
    }
    const size_t peaks = report.peaks.size();
    ReadSettings(text, frozen, report);
    if (report.peaks.size() > peaks) report.peaks.back().place = place;
  }
}

}  // namespace vramcast::crashlog
