#include "command/dialect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast::command {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

nanochat::Revision Dialect(const std::string& text) {
  const auto revision = RevisionOf(ReadLaunches(text).launches);
  EXPECT_TRUE(revision.has_value());
  return revision.value_or(nanochat::HeadRevision());
}

TEST(RevisionOf, TakesTheNewestThatHasAllFlags) {
  EXPECT_EQ(Dialect("python -m scripts.base_train --depth=12 --device-batch-size=4").commit,
            nanochat::HeadRevision().commit);
  // Underscores were given up in January 2026.
  const nanochat::Revision old = Dialect("python -m scripts.base_train --device_batch_size=4");
  EXPECT_LT(old.Date(), "2026-01-14");
  EXPECT_GT(old.Date(), "2026-01-07");
  // Midtraining was given up at the end of January 2026.
  EXPECT_LT(Dialect("python -m scripts.mid_train").Date(), "2026-02-01");
}

TEST(RevisionOf, LooksAtAllLaunchesTogether) {
  EXPECT_LT(Dialect("python -m scripts.base_train --depth=4\npython -m scripts.base_loss "
                    "--device_batch_size=1")
                .Date(),
            "2026-01-14");
}

TEST(RevisionOf, IsNothingWithoutNanochat) {
  EXPECT_FALSE(RevisionOf(ReadLaunches(std::string("python train.py")).launches).has_value());
}

Translation Translated(const std::string& text, const std::string& revision) {
  const LaunchScript script = ReadLaunches(text);
  return Translate(script.launches.at(0), *nanochat::FindRevision(revision));
}

TEST(Translate, LeavesKnownFlagsAlone) {
  const Translation same =
      Translated("python -m scripts.chat_eval -i sft -b 4 --max-new-tokens=64", "oct2025");
  EXPECT_THAT(same.edits, IsEmpty());
}

TEST(Translate, AnswersSeqLenWithMaxSeqLen) {
  const Translation changed = Translated("python -m scripts.base_train --seq-len=1024", "head");
  ASSERT_THAT(changed.edits, SizeIs(1));
  EXPECT_EQ(changed.edits[0].kind, EditKind::kRename);
  EXPECT_EQ(changed.edits[0].spelling, "--max-seq-len");
  EXPECT_THAT(changed.reasons[0], HasSubstr("--seq-len"));
}

TEST(Translate, ChangesTheSpellingToTheRevisions) {
  EXPECT_EQ(
      Translated("python -m scripts.base_train --device_batch_size=4", "head").edits.at(0).spelling,
      "--device-batch-size");
  EXPECT_EQ(Translated("python -m scripts.base_train --device-batch-size=4", "oct2025")
                .edits.at(0)
                .spelling,
            "--device_batch_size");
}

TEST(Translate, RemovesWhatNobodyKnows) {
  const Translation changed =
      Translated("python -m scripts.base_train --use-flux-capacitor=1", "head");
  ASSERT_THAT(changed.edits, SizeIs(1));
  EXPECT_EQ(changed.edits[0].kind, EditKind::kRemove);
}

TEST(Translate, DoesNotGiveTheSameFlagTwice) {
  const Translation changed =
      Translated("python -m scripts.base_train --seq-len=512 --max-seq-len=1024", "head");
  ASSERT_THAT(changed.edits, SizeIs(1));
  EXPECT_EQ(changed.edits[0].kind, EditKind::kRemove);
}

TEST(Translate, KeepsTheFlagsOfAModifiedCheckout) {
  const LaunchScript script =
      ReadLaunches(std::string("python -m scripts.base_train --my-own-flag=1"));
  nanochat::Revision revision = nanochat::HeadRevision();
  revision.certainty = nanochat::Certainty::kModified;
  const Translation same = Translate(script.launches.at(0), revision);
  EXPECT_THAT(same.edits, IsEmpty());
  EXPECT_THAT(same.notes, SizeIs(1));
}

}  // namespace
}  // namespace vramcast::command
