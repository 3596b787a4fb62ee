// The batches that the CORE metric puts through the model: they are data, not code.
#pragma once

#include <cstdint>
#include <vector>

#include "forecast/job.h"

namespace vramcast::forecast {

// None is padded.
struct CoreBatch {
  int64_t rows = 1;
  int64_t tokens = 1;  // a row
};

// Those that are longer than any before, in order: each asks for blocks that no cached one can
// give. The longest comes from the task bigbench_language_identification, whatever the tokenizer:
// ten examples and a question before four choices of one letter. Its texts are in many languages,
// so that a larger vocabulary of English text shortens them little. Counted by the rules of
// core_eval.py over the tasks' files (in llm-foundry, scripts/eval/local_data; three tasks of one
// row or of four short ones are not there) with published tokenizers of nanochat's: three of 65,536
// and three of 32,768 tokens trained on FineWeb-Edu, one of 32,768 on ClimbMix, and prefixes of
// them. `most_examples` of a task are drawn (--core-metric-max-per-task); -1: all.
std::vector<CoreBatch> CoreBatches(int64_t vocabulary, int64_t most_examples,
                                   nanochat::TokenizerText text);
std::vector<CoreBatch> CoreBatches(const Job& job);

// Share by which the longest differs between tokenizers and between ranks.
double CoreBatchSpread(int64_t most_examples);

}  // namespace vramcast::forecast
