#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "binary.h"

namespace vramcast::tests {
namespace {

using testing::HasSubstr;

TEST(Usage, HelpNamesTheVerbs) {
  const Outcome outcome = RunVramcast({"--help"});
  EXPECT_EQ(outcome.code, 0);
  for (const char* verb : {"check", "forecast", "fit", "fix", "diagnose", "watch"}) {
    EXPECT_THAT(outcome.out, HasSubstr(verb));
  }
}

TEST(Usage, AMistypedVerbIsWrongUsageAndTheNearestIsNamed) {
  const Outcome outcome = RunVramcast({"diagnoze"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean diagnose?"));
  EXPECT_EQ(outcome.out, "");
}

TEST(Usage, AMistypedFlagIsWrongUsageAndTheNearestIsNamed) {
  const Outcome outcome = RunVramcast({"forecast", "--dept=20"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("did you mean --depth?"));
}

TEST(Usage, TheFolkloreFlagIsAnsweredWithTheRealOne) {
  const Outcome outcome = RunVramcast({"forecast", "--seq-len=1024"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--max-seq-len"));
}

TEST(Usage, EveryVerbHasHelp) {
  for (const char* verb : {"check", "forecast", "fit", "fix", "diagnose", "watch"}) {
    const Outcome outcome = RunVramcast({verb, "--help"});
    EXPECT_EQ(outcome.code, 0) << verb;
    EXPECT_THAT(outcome.out, HasSubstr("--json")) << verb;
    EXPECT_THAT(outcome.out, HasSubstr("--explain")) << verb;
  }
}

}  // namespace
}  // namespace vramcast::tests
