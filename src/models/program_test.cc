#include "models/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "models/presets.h"

namespace vramcast::models {
namespace {

// As text, so that a difference can be read.
std::string Line(const Trace& trace, size_t i) {
  if (i >= trace.events.size()) return "the end";
  const Event& event = trace.events[i];
  const bool made = event.action == Action::kAlloc;
  return (made ? "alloc " : "free ") + std::to_string(event.allocation.value) + " of " +
         std::to_string(event.size.count()) + " in " + std::string(PhaseName(event.phase)) +
         (made ? ": " + trace.labels[event.label.value].name : "");
}

// The first event in which they differ; nothing if they do not.
std::string Difference(const Trace& a, const Trace& b) {
  for (size_t i = 0; i < std::max(a.events.size(), b.events.size()); ++i) {
    if (Line(a, i) != Line(b, i)) {
      return "event " + std::to_string(i) + ": " + Line(a, i) + "; " + Line(b, i);
    }
  }
  return "";
}

TEST(Program, ARepeatedStepIsTheStepThatWouldBeWritten) {
  std::vector<TrainingOptions> ways;
  for (const Precision precision : {Precision::kBf16, Precision::kAmp, Precision::kFp32}) {
    for (const bool checkpointing : {false, true}) {
      TrainingOptions way;
      way.batch_size = 2;
      way.sequence_lengths = {128};
      way.precision = precision;
      way.checkpointing = checkpointing;
      ways.push_back(way);
    }
  }
  const TrainingOptions plain = ways.front();
  for (const OptimizerKind kind :
       {OptimizerKind::kAdamWFused, OptimizerKind::kAdamW8bit, OptimizerKind::kSgd,
        OptimizerKind::kAdafactor, OptimizerKind::kMuon}) {
    ways.push_back(plain);
    ways.back().optimizer = kind;
  }
  for (const Parallel parallel : {Parallel::kDdp, Parallel::kFsdp1, Parallel::kFsdp2,
                                  Parallel::kZero1, Parallel::kZero2, Parallel::kZero3}) {
    ways.push_back(plain);
    ways.back().parallel = parallel;
    ways.back().world_size = 4;
  }
  ways.push_back(plain);
  ways.back().compile = true;
  ways.push_back(plain);
  ways.back().accumulation = 3;
  ways.push_back(plain);
  ways.back().lora = {4, {"all-linear"}};
  ways.push_back(plain);
  ways.back().sequence_lengths = {128, 96, 128, 160, 96, 128};

  for (const char* name : {"gpt2", "llama-3.2-1b", "qwen3-0.6b"}) {
    ModelConfig config = *FindPreset(name);
    config.layers = 3;
    for (size_t i = 0; i < ways.size(); ++i) {
      const Program repeated = WriteProgram(config, ways[i], Machine{});
      const Program written = WriteProgram(config, ways[i], Machine{}, Rounds::kWritten);
      EXPECT_EQ(Difference(repeated.trace, written.trace), "") << name << ", way " << i;
      EXPECT_EQ(repeated.trace.allocation_count, written.trace.allocation_count);
    }
  }
}

}  // namespace
}  // namespace vramcast::models
