#include <gtest/gtest.h>

#include "report/document.h"

namespace vramcast {
namespace {

TEST(RenderText, WrapsSentencesAndNeverCode) {
  Document document;
  document.Add(Paragraph{"one two three four five six seven"});
  document.Add(Code{"torchrun --nproc_per_node=8 -m scripts.base_train"});
  EXPECT_EQ(RenderText(document, {.width = 20}),
            "one two three four\nfive six seven\n\n"
            "    torchrun --nproc_per_node=8 -m scripts.base_train\n");
}

TEST(RenderText, AlignsTablesAndWrapsTheLastColumn) {
  Document document;
  document.Add(
      Table{.header = {"phase", "MiB", "note"},
            .rows = {{"save", "12", "short"}, {"evaluation", "1,234", "a b c d e f g h i"}},
            .right_aligned = {false, true}});
  EXPECT_EQ(RenderText(document, {.width = 33}),
            "  phase         MiB  note\n"
            "  save           12  short\n"
            "  evaluation  1,234  a b c d e f\n"
            "                     g h i\n");
}

TEST(RenderText, BarsAreInProportion) {
  Document document;
  document.Add(Bars{.bars = {{"a", 10, "10"}, {"b", 5, " 5"}}});
  EXPECT_EQ(RenderText(document, {.width = 20}),
            "  a  ███████████  10\n"
            "  b  ██████·····   5\n");
}

TEST(RenderText, ColoursOnlyWhenAsked) {
  Document document;
  document.Add(Paragraph{"does not fit", Tone::kBad});
  EXPECT_EQ(RenderText(document, {}), "does not fit\n");
  EXPECT_EQ(RenderText(document, {.colour = true}), "\033[31mdoes not fit\033[0m\n");
}

TEST(RenderText, CountsCodePointsNotBytes) {
  Document document;
  document.Add(Table{.rows = {{"é", "x"}, {"ab", "y"}}});
  EXPECT_EQ(RenderText(document, {}), "  é   x\n  ab  y\n");
}

}  // namespace
}  // namespace vramcast
