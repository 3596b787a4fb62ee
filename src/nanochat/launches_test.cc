#include "nanochat/launches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nanochat/flags.h"

namespace vramcast::nanochat {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

std::vector<UpstreamLaunch> Launches(std::string_view revision, std::string_view name) {
  return LaunchesOf(*FindRevision(revision), name);
}

TEST(Launches, TheSpeedrunOfOctober2025) {
  const auto speedrun = Launches("oct2025", "speedrun");
  ASSERT_GE(speedrun.size(), 5u);
  EXPECT_EQ(speedrun[0].script, "scripts.base_train");
  EXPECT_EQ(speedrun[0].processes, 8);
  EXPECT_THAT(speedrun[0].flags, Contains("--depth=20"));
  EXPECT_EQ(speedrun[1].script, "scripts.base_loss");
  EXPECT_EQ(speedrun[3].stage, Stage::kMid);
}

TEST(Launches, TheSpeedrunOfHead) {
  const auto speedrun = Launches("head", "speedrun");
  ASSERT_EQ(speedrun.size(), 4u);
  EXPECT_THAT(speedrun[0].flags, Contains("--fp8"));
  EXPECT_THAT(speedrun[0].flags, Contains("--device-batch-size=16"));
  EXPECT_EQ(speedrun[2].stage, Stage::kSft);
  EXPECT_THAT(speedrun[3].flags, Contains("-i=sft"));
}

TEST(Launches, LaunchScriptsComeAndGo) {
  EXPECT_THAT(Launches("dd6ff9a", "run1000"), IsEmpty());
  EXPECT_THAT(Launches("fae3aca", "run1000"), ::testing::Not(IsEmpty()));
  EXPECT_THAT(Launches("head", "run1000"), IsEmpty());
  EXPECT_THAT(Launches("head", "nonsense"), IsEmpty());
}

// Upstream's own commands resolve, and use only flags that their scripts have.
TEST(Launches, UseTheFlagsOfTheirRevision) {
  for (const Family& family : Families()) {
    const Revision revision = *FindRevision(family.name);
    for (const UpstreamLaunch& launch : LaunchesOf(revision, "speedrun")) {
      for (const std::string_view flag : launch.flags) {
        EXPECT_TRUE(FindFlag(revision, launch.script, flag.substr(0, flag.find('='))))
            << family.name << ' ' << launch.script << ' ' << flag;
      }
    }
  }
}

}  // namespace
}  // namespace vramcast::nanochat
