#include "forecast/attention.h"

#include <algorithm>

namespace vramcast::forecast {
namespace {

constexpr int64_t kKeys = 64;  // a tile of the memory-efficient kernel

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundTo(int64_t value, int64_t step) { return CeilDiv(value, step) * step; }

// Rows of a log-sum-exp: memory-efficient pads to 32 queries (kAlignLSE, kernel_forward.h).
int64_t StatisticBytes(const Job& job, int64_t align) {
  return 4 * job.batch() * job.heads() * RoundTo(job.seq(), align);
}

// fp32 accumulator of the query gradient: flash pads to 128 queries and 32 channels
// (flash_api.cpp, mha_bwd).
int64_t FlashAccumulatorBytes(const Job& job) {
  return 4 * job.batch() * RoundTo(job.seq(), 128) * job.heads() *
         RoundTo(job.config.model.head_dim, 32);
}

// The workspace of kernel_backward.h: per batch and head one fp32 tile of 128 queries with its lock
// (padded to 16 numbers) for each block of queries; and, where the keys are split over several
// blocks to fill the card and accumulation is wider than the output, two tiles of 64 keys a split.
// The number of splits was read off traces on a card of 84 multiprocessors.
int64_t MemoryEfficientWorkspace(const Job& job) {
  constexpr int64_t kQueries = 128;
  const int64_t channels = RoundTo(job.config.model.head_dim, 64);
  const int64_t instances = job.batch() * job.heads();
  const int64_t lock = channels / 8;
  int64_t numbers = CeilDiv(job.seq(), kQueries) * (kQueries * channels + lock);
  if (!job.fp32() && channels > 64) {
    const int64_t splits = KeySplits(job);
    if (splits > 1) numbers += splits * 2 * kKeys * channels;
  }
  return 4 * instances * numbers;
}

// Math upcasts 16-bit inputs to fp32 (attention.cpp, _scaled_dot_product_attention_math).
int64_t ScoreBytes(const Job& job) { return 4 * job.batch() * job.heads() * job.seq() * job.seq(); }

}  // namespace

int64_t KeySplits(const Job& job) {
  const int64_t instances = job.batch() * job.heads();
  const int64_t wanted = std::max<int64_t>(1, job.multiprocessors * 16 / 7 / instances);
  return std::min(CeilDiv(job.seq(), kKeys), wanted);
}

int64_t MaskBytes(const Job& job) { return job.act() * job.seq() * RoundTo(job.seq(), 8); }

AttentionSaved AttentionForward(const Job& job, int64_t layer, Writer* writer) {
  AttentionSaved saved;
  const int64_t unit = job.unit();
  switch (job.kernel(layer)) {
    case AttentionKernel::kFa3:
      saved.out = writer->Alloc(What::kAttentionOut, unit);
      saved.log_sum_exp = writer->Alloc(What::kLogSumExp, StatisticBytes(job, 1));
      break;
    case AttentionKernel::kFlash:
      saved.out = writer->Alloc(What::kAttentionOut, unit);
      saved.log_sum_exp = writer->Alloc(What::kLogSumExp, StatisticBytes(job, 1));
      saved.seed = writer->Alloc(What::kSmall, 16);
      saved.offset = writer->Alloc(What::kSmall, 8);
      break;
    case AttentionKernel::kMemoryEfficient:
      saved.out = writer->Alloc(What::kAttentionOut, unit);
      saved.log_sum_exp = writer->Alloc(What::kLogSumExp, StatisticBytes(job, 32));
      break;
    case AttentionKernel::kMath: {
      AllocationId product = writer->Alloc(What::kAttentionScores, ScoreBytes(job));
      saved.scores.push_back(writer->Alloc(What::kAttentionScores, ScoreBytes(job)));
      writer->Free(product);
      saved.out = writer->Alloc(What::kAttentionOut, unit);
      break;
    }
  }
  return saved;
}

std::vector<AllocationId> AttentionBackward(const Job& job, int64_t layer, Writer* writer) {
  const int64_t unit = job.unit();
  std::vector<AllocationId> gradients;
  const auto allocate_gradients = [&] {
    for (int i = 0; i < 3; ++i) gradients.push_back(writer->Alloc(What::kActivationGradient, unit));
  };
  switch (job.kernel(layer)) {
    case AttentionKernel::kFa3: {
      AllocationId accumulator =
          writer->Alloc(What::kAttentionWorkspace, FlashAccumulatorBytes(job));
      AllocationId delta = writer->Alloc(What::kAttentionWorkspace, StatisticBytes(job, 128));
      AllocationId scaled = writer->Alloc(What::kAttentionWorkspace, StatisticBytes(job, 128));
      allocate_gradients();
      writer->Free(accumulator);
      writer->Free(delta);
      writer->Free(scaled);
      break;
    }
    case AttentionKernel::kFlash: {
      allocate_gradients();
      AllocationId delta = writer->Alloc(What::kAttentionWorkspace, StatisticBytes(job, 128));
      writer->Touch(What::kAttentionWorkspace, FlashAccumulatorBytes(job));
      writer->Free(delta);
      break;
    }
    case AttentionKernel::kMemoryEfficient: {
      allocate_gradients();
      AllocationId delta = writer->Alloc(What::kAttentionWorkspace, StatisticBytes(job, 1));
      writer->Touch(What::kAttentionWorkspace, MemoryEfficientWorkspace(job));
      writer->Free(delta);
      break;
    }
    case AttentionKernel::kMath: {
      AllocationId scores = writer->Alloc(What::kAttentionScores, ScoreBytes(job));
      allocate_gradients();
      writer->Free(scores);
      break;
    }
  }
  return gradients;
}

}  // namespace vramcast::forecast
