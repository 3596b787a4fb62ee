// Which run of nanochat is being watched, and what it has ahead of it on each GPU: from the command
// that was given, from its log, or from the command line of the processes that hold the memory.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/launch_requests.h"
#include "gpu/host.h"
#include "monitor/attached.h"
#include "monitor/phases_ahead.h"
#include "monitor/step_source.h"
#include "monitor/watcher.h"

namespace vramcast::cli {

struct WatchedRunOptions {
  std::vector<std::string> command;  // after "--"; may be empty
  std::string revision, checkout;    // of nanochat, as the person named them
};

class WatchedRun {
 public:
  // `log` and `attached` may be null and must outlive it. Usage error if the command starts no
  // nanochat program, or a revision is not known.
  static Result<WatchedRun> Make(WatchedRunOptions options, const monitor::StepSource* log,
                                 monitor::Attached* attached);

  // Fills in `ahead` of each GPU on which the run is, and whether another program is what grows.
  void Complete(monitor::Report* report);

  // The launch command, where it is known: for commands to paste.
  const std::string& command() const { return command_; }
  // How the run was understood, and what is not known; one sentence each.
  std::vector<std::string> Notes(const monitor::Report& report) const;

 private:
  struct Judged {
    monitor::Standing standing;
    std::vector<monitor::UpcomingPhase> ahead;
  };

  WatchedRun(WatchedRunOptions options, const monitor::StepSource* log, monitor::Attached* attached)
      : options_(std::move(options)), log_(log), attached_(attached) {}

  Status LearnFromCommand();
  void Learn(const monitor::Report& report);
  bool LearnFromLog();
  bool LearnFromProcesses(const monitor::Report& report);
  Status Understand(const std::string& text, const std::string& folder,
                    const nanochat::Flags& known);
  // Whether its command line is of the program that the run starts.
  bool IsProgram(const monitor::ProcessSample& sample) const;
  // The place of the run's process among those of a GPU.
  std::optional<size_t> FindProcess(const monitor::GpuReport& gpu);
  // Whether a process is of the run; nothing where it is not known which processes are.
  std::optional<bool> Owns(const monitor::GpuReport& gpu, size_t process);
  const monitor::PhasesAhead* OutlookFor(const monitor::GpuSample& gpu, int64_t gpus);
  std::optional<monitor::Standing> StandingOn(const monitor::GpuReport& gpu, size_t process,
                                              const monitor::Report& report) const;

  WatchedRunOptions options_;
  const monitor::StepSource* log_;
  monitor::Attached* attached_;
  gpu::Host host_;
  std::optional<LaunchRequest> launch_;
  std::string command_, origin_;
  std::optional<int64_t> learnt_from_;  // the process whose command line it is
  bool given_ = false;                  // by the person: nothing else is looked for
  int64_t facts_version_ = -1;
  std::set<int64_t> looked_at_;  // processes whose command lines start no nanochat
  std::optional<int64_t> world_size_;
  std::map<std::string, std::optional<monitor::PhasesAhead>> outlooks_;  // by name of the card
  std::map<std::string, Judged> judged_;                                 // by GPU
  std::string trouble_;
};

}  // namespace vramcast::cli
