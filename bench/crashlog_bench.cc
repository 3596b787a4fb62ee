// How fast a log is read in which nothing happened: a training log, and one that speaks of memory
// on every line. And how long one that ends in a death takes.
#include <benchmark/benchmark.h>

#include <string>

#include "crashlog/scan.h"

namespace {

std::string Repeat(const std::string& line, size_t bytes) {
  std::string text;
  text.reserve(bytes + line.size());
  while (text.size() < bytes) {
    text += line;
  }
  return text;
}

void Scan(benchmark::State& state, const std::string& line) {
  const std::string text = Repeat(line, static_cast<size_t>(state.range(0)) << 20);
  for (auto _ : state) {
    benchmark::DoNotOptimize(vramcast::crashlog::ScanText(text));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void TrainingLog(benchmark::State& state) {
  Scan(state,
       "step 00012/41201 (0.03%) | loss: 9.396828 | lrm: 1.00 | dt: 14.18ms | tok/sec: 72,225 | "
       "bf16_mfu: 41.20 | epoch: 1 | total time: 0.03m\n");
}
BENCHMARK(TrainingLog)->Arg(64)->Arg(1024)->Unit(benchmark::kMillisecond);

void LogWithMemoryOnEveryLine(benchmark::State& state) {
  Scan(state,
       "Epoch [1][50/1000] lr: 1.0e-04, eta: 0:10:00, time: 0.52, memory: 9385, loss: 1.02\n");
}
BENCHMARK(LogWithMemoryOnEveryLine)->Arg(64)->Unit(benchmark::kMillisecond);

void Death(benchmark::State& state) {
  std::string text = Repeat("step 00012/41201 (0.03%) | loss: 9.39 | dt: 14.18ms\n", 64 << 10);
  text +=
      "Traceback (most recent call last):\n  File \"a/train.py\", line 9, in <module>\n"
      "    loss.backward()\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.75 "
      "GiB. "
      "GPU 0 has a total capacity of 47.44 GiB of which 812.31 MiB is free. Including non-PyTorch "
      "memory, this process has 43.40 GiB memory in use. Of the allocated memory 40.11 GiB is "
      "allocated by PyTorch, and 2.51 GiB is reserved by PyTorch but unallocated.\n";
  for (auto _ : state) {
    benchmark::DoNotOptimize(vramcast::crashlog::ScanText(text));
  }
}
BENCHMARK(Death)->Unit(benchmark::kMicrosecond);

}  // namespace
