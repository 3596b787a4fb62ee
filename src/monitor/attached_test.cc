#include "monitor/attached.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vramcast::monitor {
namespace {

TEST(Attached, OwnsWhatItStartedAndEnds) {
  auto attached = Attached::To(getpid());
  ASSERT_TRUE(attached);
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  EXPECT_TRUE(attached->Owns(getpid()));
  EXPECT_TRUE(attached->Owns(child));
  EXPECT_FALSE(attached->Owns(getppid()));
  EXPECT_TRUE(attached->IsAlive());
  auto inner = Attached::To(child);
  ASSERT_TRUE(inner);
  EXPECT_FALSE(inner->Owns(getpid()));
  kill(child, SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  EXPECT_FALSE(inner->IsAlive());  // a zombie holds nothing
  EXPECT_FALSE(Attached::To(child));
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(inner->IsAlive());
  EXPECT_EQ(Attached::To(child).error().kind, ErrorKind::kMachine);
}

}  // namespace
}  // namespace vramcast::monitor
