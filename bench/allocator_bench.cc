// Events per second on one core: a training step's pattern of sizes, played again and again.
#include <benchmark/benchmark.h>

#include "allocator/play.h"

namespace {

using namespace vramcast;  // NOLINT

Trace Steps(int steps) {
  TraceBuilder builder;
  for (int i = 0; i < 200; ++i) {
    builder.Alloc(Bytes((i % 7 + 1) * 900000), Category::kParameters, "weight");
  }
  for (int step = 0; step < steps; ++step) {
    std::vector<AllocationId> saved;
    for (int layer = 0; layer < 24; ++layer) {
      for (int i = 1; i <= 10; ++i) {
        saved.push_back(builder.Alloc(Bytes(i * 1500000 + 700), Category::kActivations, "saved"));
        builder.Free(builder.Alloc(Bytes(i * 3000), Category::kOther, "scratch"));
        builder.Free(builder.Alloc(Bytes(i * 800000), Category::kOther, "temporary"));
      }
    }
    for (; !saved.empty(); saved.pop_back()) builder.Free(saved.back());
  }
  return std::move(builder).Take();
}

void BM_Play(benchmark::State& state) {
  const Trace trace = Steps(300);
  AllocatorSettings settings;
  settings.expandable_segments = state.range(0) != 0;
  for (auto _ : state) benchmark::DoNotOptimize(Play(trace, settings).peak.allocated);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * trace.events.size()));
}
BENCHMARK(BM_Play)->ArgName("expandable")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
