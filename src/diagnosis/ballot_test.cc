#include "diagnosis/ballot.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vramcast::diagnosis {
namespace {

TEST(Ballot, WithoutAnyVoteTheCauseIsUnknown) {
  const auto findings = Ballot().Count();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].cause, Cause::kUnknown);
}

TEST(Ballot, TheHeaviestCauseComesFirstWithItsEvidence) {
  Ballot ballot;
  ballot.Add(Cause::kCapacity, kHint);
  ballot.Add(Cause::kFragmentation, kStrong, {{"a hole", "computed"}});
  const auto findings = ballot.Count();
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].cause, Cause::kFragmentation);
  EXPECT_EQ(findings[0].evidence[0].text, "a hole");
}

TEST(Ballot, TheSameEvidenceIsNotSaidTwice) {
  Ballot ballot;
  ballot.Add(Cause::kCapacity, kHint, {{"line", "run.log:1"}});
  ballot.Add(Cause::kCapacity, kHint, {{"line", "run.log:1"}});
  EXPECT_EQ(ballot.Count()[0].evidence.size(), 1u);
}

TEST(Ballot, ACauseThatIsOnlySpokenAgainstIsNotListed) {
  Ballot ballot;
  ballot.Add(Cause::kCapacity, kHint);
  ballot.Add(Cause::kSoftwareCap, -kClear);
  EXPECT_EQ(ballot.Count().size(), 1u);
}

RC_GTEST_PROP(Ballot, ConfidencesAreOrderedAndSumToAtMostOne, (std::vector<int8_t> weights)) {
  Ballot ballot;
  for (size_t i = 0; i < weights.size(); ++i) {
    ballot.Add(static_cast<Cause>(i % kCauseCount), weights[i] / 16.0);
  }
  double sum = 0, last = 1;
  for (const Finding& finding : ballot.Count()) {
    RC_ASSERT(finding.confidence <= last);
    last = finding.confidence;
    sum += finding.confidence;
  }
  RC_ASSERT(sum <= 1 + 1e-9);
}

}  // namespace
}  // namespace vramcast::diagnosis
