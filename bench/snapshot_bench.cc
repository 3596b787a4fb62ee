// Bytes per second of the snapshot reader, on the file that VRAMCAST_BENCH_SNAPSHOT names (one made
// larger with snapshots/tile.py).
#include <benchmark/benchmark.h>
#include <sys/stat.h>

#include <cstdlib>

#include "snapshot/read.h"

namespace {

void BM_ReadSnapshot(benchmark::State& state) {
  const char* path = std::getenv("VRAMCAST_BENCH_SNAPSHOT");
  struct stat status = {};
  if (path == nullptr || stat(path, &status) != 0) {
    state.SkipWithError("VRAMCAST_BENCH_SNAPSHOT names no file");
    return;
  }
  for (auto _ : state) {
    const auto recording = vramcast::snapshot::ReadSnapshot(std::string(path));
    if (!recording) state.SkipWithError(recording.error().message.c_str());
    benchmark::DoNotOptimize(recording);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * status.st_size);
}
BENCHMARK(BM_ReadSnapshot)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
