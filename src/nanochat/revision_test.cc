#include "nanochat/revision.h"

#include <gtest/gtest.h>

#include "nanochat/tables.h"

namespace vramcast::nanochat {
namespace {

Revision Find(std::string_view text) {
  const Result<Revision> revision = FindRevision(text);
  EXPECT_TRUE(revision) << text << ": " << revision.error().message;
  return revision ? *revision : Revision{};
}

TEST(Revision, AHashPrefixFindsItsFamily) {
  EXPECT_EQ(Find("dd6ff9a").family->name, "oct2025");
  EXPECT_EQ(Find("c6abcdf").family->name, "nov2025-resume");
  EXPECT_EQ(Find("50413d2").family->name, "jan2026-fused");
  EXPECT_EQ(Find("83DCCC2").family->name, "feb2026-fp8saved");
  EXPECT_EQ(Find("5019acc").family->name, "mar2026-smear");
  EXPECT_EQ(Find("dc54a1a").family->name, "mar2026-fp8eval");
  EXPECT_EQ(Find("92d63d4").family->name, "jul2026-optimizer");
  EXPECT_EQ(Find("92d63d4").certainty, Certainty::kExact);
  EXPECT_EQ(Find("92d63d4").commit.size(), 40u);
}

TEST(Revision, ADateIsTheLastCommitOfThatDayInUtc) {
  EXPECT_EQ(Find("2025-10-16").ShortCommit(), "d6d86cb");
  EXPECT_EQ(Find("2025-10-13").ShortCommit(), "dd6ff9a");
  // 83dccc2 was made on the evening of the 2nd in California, which is the 3rd in UTC.
  EXPECT_NE(Find("2026-03-02").ShortCommit(), "83dccc2");
  EXPECT_EQ(Find("2026-03-03").ShortCommit(), "b07604e");
}

TEST(Revision, ADayWithoutCommitsIsTheLastCommitBefore) {
  EXPECT_EQ(Find("2026-06-01").ShortCommit(), "dc54a1a");
  EXPECT_EQ(Find("2026-06-01").certainty, Certainty::kExact);
}

TEST(Revision, DatesOutsideTheKnownHistoryAreNearest) {
  EXPECT_EQ(Find("2030-01-01").commit, HeadRevision().commit);
  EXPECT_EQ(Find("2030-01-01").certainty, Certainty::kNearest);
  EXPECT_EQ(Find("2025-01-01").ShortCommit(), "3a5e0bc");
  EXPECT_EQ(Find("2025-01-01").certainty, Certainty::kNearest);
}

TEST(Revision, NamesStandForCommits) {
  EXPECT_EQ(Find("oct2025").ShortCommit(), "4346536");
  EXPECT_EQ(Find("jan2026").ShortCommit(), "50413d2");
  EXPECT_EQ(Find("mar2026").ShortCommit(), "83dccc2");
  EXPECT_EQ(Find("head").commit, HeadRevision().commit);
  EXPECT_EQ(Find("jan2026-ve").ShortCommit(), "a91743c");
}

TEST(Revision, AnUnknownHashIsHeadWithLowerCertainty) {
  const Revision revision = Find("deadbeefdeadbeef");
  EXPECT_EQ(revision.commit, HeadRevision().commit);
  EXPECT_EQ(revision.certainty, Certainty::kNearest);
  EXPECT_NE(revision.note.find("deadbeef"), std::string::npos);
}

TEST(Revision, DirtyIsLessCertain) {
  EXPECT_EQ(Find("dd6ff9a (dirty)").certainty, Certainty::kModified);
  EXPECT_EQ(Find("dd6ff9a (clean)").certainty, Certainty::kExact);
  EXPECT_EQ(Find("dd6ff9a-dirty").ShortCommit(), "dd6ff9a");
}

TEST(Revision, OtherTextIsRefusedWithASuggestion) {
  const Result<Revision> revision = FindRevision("oct2026");
  ASSERT_FALSE(revision);
  EXPECT_EQ(revision.error().kind, ErrorKind::kUsage);
  EXPECT_NE(revision.error().message.find("oct2025"), std::string::npos);
  EXPECT_FALSE(FindRevision(""));
  EXPECT_FALSE(FindRevision("2025-13-45"));
}

TEST(Revision, EveryCommitHasItsRowAndFamily) {
  ASSERT_GT(CommitCount(), 2000);
  for (int row = 0; row < CommitCount(); ++row) {
    const CommitRow commit = CommitAt(row);
    const auto revision = KnownCommit(commit.hash);
    ASSERT_TRUE(revision) << commit.hash;
    ASSERT_EQ(revision->family->index, commit.family);
    ASSERT_GE(revision->tree, 0);
    ASSERT_LT(revision->tree, TreeCount());
    if (row > 0) {
      ASSERT_LT(CommitAt(row - 1).hash, commit.hash);
    }
  }
}

TEST(Revision, FamiliesBeginAtTheirFirstCommit) {
  int64_t before = 0;
  for (const Family& family : Families()) {
    const Revision revision = Find(family.name);
    EXPECT_EQ(revision.family, &family) << family.name;
    EXPECT_GT(revision.time, before) << family.name;
    before = revision.time;
  }
}

}  // namespace
}  // namespace vramcast::nanochat
