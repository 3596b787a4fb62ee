// What the tests of `vramcast run` share: a made-up trainer that dies as PyTorch does, vramcast
// started in the background to be sent signals, and what must be gone afterwards.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "binary.h"

namespace vramcast::tests {

class StartedRun;

class RunTest : public testing::Test {
 protected:
  RunTest();

  // vramcast run FLAGS -- COMMAND, in the scratch folder.
  Outcome Run(std::vector<std::string> flags, const std::vector<std::string>& command,
              Options options = {}) const;
  // The same with its JSON report parsed; a failure of the test if it is none.
  nlohmann::json Report(std::vector<std::string> flags, const std::vector<std::string>& command,
                        Options options = {}) const;

  // The same, left running; what it prints goes to the file "output".
  std::unique_ptr<StartedRun> Start(std::vector<std::string> flags,
                                    const std::vector<std::string>& command) const;
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  // The environment of a run: its own folders for everything.
  std::map<std::string, std::string> Environment() const;

  // Files of the run in the folder for temporary files, which is the scratch folder's "tmp".
  std::vector<std::string> TemporaryFiles() const;

  ScratchFolder folder_;
  // On the made-up trainer: it needs more than a 24 GB card above 4 sequences.
  const std::vector<std::string> train_ = {"python3", "-m", "scripts.base_train", "--depth=20",
                                           "--device-batch-size=32"};
};

// vramcast run, started and left running.
class StartedRun {
 public:
  // Its environment is this process's and `options`'; its output goes to `output`.
  StartedRun(const std::vector<std::string>& arguments, const Options& options,
             const std::string& output);
  ~StartedRun();  // kills what is left of it
  StartedRun(const StartedRun&) = delete;
  StartedRun& operator=(const StartedRun&) = delete;

  pid_t pid() const { return pid_; }
  void Send(int signal) const;
  int Wait();                                  // exit code; 128 + signal if it was killed
  long peak_kib() const { return peak_kib_; }  // of memory, once waited for: the largest process

 private:
  pid_t pid_;
  bool waited_ = false;
  long peak_kib_ = 0;
};

// Waits for a file to have something in it, which a script wrote: its process id.
pid_t AwaitPid(const std::string& path);
bool IsAlive(pid_t pid);
// Waits until it is gone; false if it is still there after a long time.
bool AwaitEnd(pid_t pid);

}  // namespace vramcast::tests
