// packaging/slurm/vramcast-leftovers.sh with a vramcast and a squeue that say what the test wants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "background.h"
#include "binary.h"

namespace vramcast::tests {
namespace {

class Slurm : public testing::Test {
 protected:
  // A process that holds memory, as `vramcast check --json` would tell it.
  pid_t LeaveBehind(const std::string& kind) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) pause();
    }
    Script("vramcast", "echo '{\"leftovers\": [{\"pid\": " + std::to_string(child) +
                           ", \"user\": \"ada\", \"used_bytes\": 7, \"leftover\": \"" + kind +
                           "\"}]}'");
    return child;
  }
  void Script(const std::string& name, const std::string& line) {
    chmod(folder_.Write(name, "#!/bin/sh\n" + line + "\n").c_str(), 0755);
  }
  int RunScript() {
    std::string out;
    const std::string at = folder_.path();
    return RunProgram(
        {"env", "VRAMCAST=" + at + "/vramcast", "SQUEUE=" + at + "/squeue", "SLURM_JOB_ID=12",
         VRAMCAST_SOURCE_DIR "/packaging/slurm/vramcast-leftovers.sh"},
        &out);
  }
  // The process is this one's child: dead means that it can be collected.
  static bool IsGone(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == pid; }
  static void End(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }

  ScratchFolder folder_;
};

TEST_F(Slurm, EndsWhatADeadJobLeftBehind) {
  const pid_t left = LeaveBehind("orphan");
  Script("squeue", "echo 12");  // only the job that ends now
  EXPECT_EQ(RunScript(), 0);
  EXPECT_TRUE(IsGone(left));
}

TEST_F(Slurm, SparesUsersWithAnotherJobAndWhatIsNoOrphan) {
  const pid_t left = LeaveBehind("orphan");
  Script("squeue", "echo 12; echo 13");
  EXPECT_EQ(RunScript(), 0);
  EXPECT_FALSE(IsGone(left));
  End(left);
  const pid_t zombie = LeaveBehind("zombie");
  Script("squeue", "true");
  EXPECT_EQ(RunScript(), 0);
  EXPECT_FALSE(IsGone(zombie));
  End(zombie);
}

}  // namespace
}  // namespace vramcast::tests
