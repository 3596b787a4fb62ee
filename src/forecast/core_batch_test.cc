#include "forecast/core_batch.h"

#include <gtest/gtest.h>

namespace vramcast::forecast {
namespace {

using nanochat::TokenizerText;

int64_t Longest(int64_t vocabulary, int64_t examples, TokenizerText text) {
  const CoreBatch batch = CoreBatches(vocabulary, examples, text).back();
  return batch.rows * batch.tokens;
}

// Counted with published tokenizers, which were not all used to find the powers.
TEST(CoreBatches, TheLongestIsWhatPublishedTokenizersMakeOfTheData) {
  EXPECT_EQ(Longest(32768, 500, TokenizerText::kClimbMix), 12608);
  EXPECT_NEAR(Longest(32768, 500, TokenizerText::kFineWeb), 12300, 0.01 * 12300);
  EXPECT_NEAR(Longest(65536, 500, TokenizerText::kFineWeb), 11764, 0.01 * 11764);
  EXPECT_NEAR(Longest(50257, 500, TokenizerText::kFineWeb), 12048, 0.01 * 12048);
  EXPECT_NEAR(Longest(8192, 500, TokenizerText::kFineWeb), 13504, 0.02 * 13504);
  EXPECT_NEAR(Longest(32768, -1, TokenizerText::kFineWeb), 23328, 0.01 * 23328);
  EXPECT_NEAR(Longest(65536, -1, TokenizerText::kFineWeb), 20140, 0.10 * 20140);
  EXPECT_NEAR(Longest(32768, 100, TokenizerText::kFineWeb), 9552, 0.05 * 9552);
  EXPECT_NEAR(Longest(32768, 5000, TokenizerText::kFineWeb), 23876, 0.02 * 23876);
}

TEST(CoreBatches, EachIsLongerThanAnyBefore) {
  for (const int64_t vocabulary : {8192, 32768, 65536, 200000}) {
    int64_t before = 0;
    for (const CoreBatch& batch : CoreBatches(vocabulary, 500, TokenizerText::kFineWeb)) {
      EXPECT_GT(batch.rows * batch.tokens, before) << vocabulary;
      before = batch.rows * batch.tokens;
    }
  }
}

}  // namespace
}  // namespace vramcast::forecast
