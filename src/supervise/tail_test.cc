#include "supervise/tail.h"

#include <gtest/gtest.h>

namespace vramcast::supervise {
namespace {

TEST(Tail, KeepsAShortStreamWhole) {
  Tail tail(16);
  tail.Append("one\n");
  tail.Append("two\n");
  EXPECT_EQ(tail.Text(), "one\ntwo\n");
}

TEST(Tail, KeepsWholeLinesOfALongStream) {
  Tail tail(16);
  for (int i = 0; i < 1000; ++i) tail.Append("line " + std::to_string(i) + "\n");
  EXPECT_EQ(tail.Text(), "line 999\n");
}

TEST(Tail, OneHugePieceIsCut) {
  Tail tail(8);
  tail.Append(std::string(1 << 20, 'x') + "\nend\n");
  EXPECT_EQ(tail.Text(), "end\n");
}

}  // namespace
}  // namespace vramcast::supervise
