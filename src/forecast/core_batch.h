// The longest batch that the CORE metric puts through the model at once: it is data, not code.
#pragma once

#include <cstdint>

namespace vramcast::forecast {

struct CoreBatch {
  int64_t rows = 1;
  int64_t tokens = 1;  // a row, padding included
};

// Depends on the tokenizer: the longest batch is a multiple-choice task in many languages, ten
// examples before each of ten choices. Measured: 8,500 tokens in all with a vocabulary of 65,537,
// 12,700 with one of 32,768; between and beyond, by the power law through both.
CoreBatch LongestCoreBatch(int64_t vocabulary);

}  // namespace vramcast::forecast
