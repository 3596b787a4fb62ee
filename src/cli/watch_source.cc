#include "cli/watch_source.h"

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <utility>

#include "cli/live_sampler.h"
#include "gpu/sampler.h"
#include "monitor/allocator_numbers.h"
#include "monitor/series.h"

namespace vramcast::cli {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class DriverSource : public WatchSource {
 public:
  DriverSource(std::unique_ptr<gpu::Sampler> sampler, const Wake* wake)
      : sampler_(std::move(sampler), wake) {}

  void Ask() override { sampler_.Ask(); }
  Answer Take() override {
    auto machine = sampler_.Take();
    if (!machine) return {};
    if (!*machine) return {.error = machine->error()};
    name_ = (*machine)->source;
    Answer answer{.sample = monitor::FromMachine(**machine, Now()),
                  .notes = std::move((*machine)->notes)};
    numbers_.Fill(&*answer.sample);
    return answer;
  }
  std::optional<std::chrono::steady_clock::duration> Waiting() const override {
    return sampler_.Waiting();
  }
  std::string name() const override { return name_; }

 private:
  LiveSampler sampler_;
  monitor::AllocatorNumbers numbers_;
  std::string name_ = "driver";
};

// Its clock runs as fast as samples are asked for.
class DemoSource : public WatchSource {
 public:
  explicit DemoSource(double beat) : beat_(beat), time_(Now()) {}
  void Ask() override { asked_ = true; }
  Answer Take() override {
    if (!std::exchange(asked_, false)) return {};
    auto machine = demo_->Sample();
    time_ += beat_;
    return {.sample = monitor::FromMachine(*machine, time_), .notes = machine->notes};
  }
  std::string name() const override { return "demo"; }

 private:
  std::unique_ptr<gpu::Sampler> demo_ = gpu::OpenDemo();
  double beat_;
  double time_;
  bool asked_ = false;
};

class RecordedSource : public WatchSource {
 public:
  RecordedSource(std::string name, std::unique_ptr<std::ifstream> file)
      : name_(std::move(name)), file_(std::move(file)), reader_(file_ ? *file_ : std::cin) {}
  Answer Take() override {
    Answer answer{.sample = reader_.Next()};
    answer.ended = !answer.sample;
    return answer;
  }
  bool is_live() const override { return false; }
  std::string name() const override { return name_; }
  int64_t skipped() const override { return reader_.skipped(); }

 private:
  std::string name_;
  std::unique_ptr<std::ifstream> file_;
  monitor::SeriesReader reader_;
};

}  // namespace

Result<std::unique_ptr<WatchSource>> OpenLiveSource(gpu::Source source, double beat,
                                                    const Wake* wake) {
  if (source == gpu::Source::kDemo) return std::make_unique<DemoSource>(beat);
  auto sampler = gpu::OpenSampler(source);
  if (!sampler) return tl::make_unexpected(sampler.error());
  return std::make_unique<DriverSource>(*std::move(sampler), wake);
}

Result<std::unique_ptr<WatchSource>> OpenRecordedSource(const std::string& file) {
  if (file == "-") return std::make_unique<RecordedSource>("standard input", nullptr);
  auto stream = std::make_unique<std::ifstream>(file, std::ios::binary);
  if (!*stream || stream->peek() == std::ifstream::traits_type::eof()) {
    return UnreadableError(fmt::format("{} cannot be read or is empty", file));
  }
  return std::make_unique<RecordedSource>(file, std::move(stream));
}

}  // namespace vramcast::cli
