#include "run_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace vramcast::tests {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// Dies above `LIVES` sequences (4 by itself), as nanochat would on a 24 GB card. Writes checkpoints
// as nanochat does, and dies at a step, where it is told so; prints what it was started with.
constexpr const char* kTrainer = R"py(import json, os, sys
flags = dict(a.lstrip('-').split('=', 1) for a in sys.argv[1:] if '=' in a)
batch = int(flags.get('device-batch-size', 32))
step = max(0, int(flags.get('resume-from-step', -1)))
save_every = int(flags.get('save-every', -1))
dies_at = int(os.environ.get('DIES_AT', 0))
folder = os.path.join(os.environ.get('NANOCHAT_BASE_DIR', '.'), 'base_checkpoints',
                      'd' + flags.get('depth', '20'))

def save(step):
    os.makedirs(folder, exist_ok=True)
    archive = 'PK\3\4 tensors PK\5\6' + '\0' * 18
    names = {'model_%06d.pt': archive, 'optim_%06d_rank0.pt': archive,
             'meta_%06d.json': json.dumps({'step': step})}
    for name, text in names.items():
        open(os.path.join(folder, name % step), 'w').write(text)

def die():
    sys.stderr.write('''Traceback (most recent call last):
  File "scripts/base_train.py", line 400, in <module>
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate %.2f GiB. GPU 0 has a total capacity of 23.56 GiB of which 1.02 GiB is free. Including non-PyTorch memory, this process has 22.53 GiB memory in use. Of the allocated memory 21.91 GiB is allocated by PyTorch, and 187.20 MiB is reserved by PyTorch but unallocated.
''' % (1.1 + batch / 10))
    sys.exit(1)

print('training with', ' '.join(sys.argv[1:]), flush=True)
while step < 12:
    if save_every > 0 and step > 0 and step % save_every == 0:
        save(step)
    if batch > int(os.environ.get('LIVES', 4)) and step >= dies_at:
        die()
    print('step %05d/00012 (0.00%%) | loss: 3.1' % step, flush=True)
    step += 1
print('done')
)py";

}  // namespace

RunTest::RunTest() {
  folder_.Write("scripts/base_train.py", kTrainer);
  fs::create_directory(folder_.path() + "/tmp");
}

Outcome RunTest::Run(std::vector<std::string> flags, const std::vector<std::string>& command,
                     Options options) const {
  flags.insert(flags.begin(), "run");
  flags.push_back("--");
  flags.insert(flags.end(), command.begin(), command.end());
  options.directory = folder_.path();
  for (const auto& setting : Environment()) options.environment.insert(setting);
  return RunVramcast(flags, options);
}

std::unique_ptr<StartedRun> RunTest::Start(std::vector<std::string> flags,
                                           const std::vector<std::string>& command) const {
  flags.insert(flags.begin(), "run");
  flags.push_back("--");
  flags.insert(flags.end(), command.begin(), command.end());
  const Options options{.input = {}, .environment = Environment(), .directory = folder_.path()};
  return std::make_unique<StartedRun>(flags, options, Path("output"));
}

std::map<std::string, std::string> RunTest::Environment() const {
  return {{"TMPDIR", Path("tmp")},
          {"NANOCHAT_BASE_DIR", folder_.path()},
          {"VRAMCAST_DATA_DIR", Path("data")}};
}

nlohmann::json RunTest::Report(std::vector<std::string> flags,
                               const std::vector<std::string>& command, Options options) const {
  flags.push_back("--json");
  const Outcome outcome = Run(std::move(flags), command, std::move(options));
  nlohmann::json report = outcome.Json();
  EXPECT_TRUE(report.is_object()) << outcome.out << outcome.err;
  return report;
}

std::vector<std::string> RunTest::TemporaryFiles() const {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/tmp")) {
    files.push_back(entry.path().filename().string());
  }
  return files;
}

StartedRun::StartedRun(const std::vector<std::string>& arguments, const Options& options,
                       const std::string& output)
    : pid_(fork()) {
  if (pid_ != 0) return;
  setpgid(0, 0);
  const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(file, STDOUT_FILENO);
  dup2(file, STDERR_FILENO);
  for (const auto& [name, value] : options.environment) setenv(name.c_str(), value.c_str(), 1);
  if (!options.directory.empty() && chdir(options.directory.c_str()) != 0) _exit(126);
  std::vector<char*> argv = {const_cast<char*>(VRAMCAST_BINARY)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(VRAMCAST_BINARY, argv.data());
  _exit(127);
}

StartedRun::~StartedRun() {
  if (waited_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void StartedRun::Send(int signal) const { kill(pid_, signal); }

int StartedRun::Wait() {
  int status = 0;
  rusage usage{};
  wait4(pid_, &status, 0, &usage);
  waited_ = true;
  peak_kib_ = usage.ru_maxrss;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t AwaitPid(const std::string& path) {
  for (int i = 0; i < 6000; ++i) {
    long pid = 0;
    if (std::ifstream(path) >> pid) return static_cast<pid_t>(pid);
    std::this_thread::sleep_for(10ms);
  }
  ADD_FAILURE() << path << " was not written";
  return 0;
}

bool IsAlive(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string id, name, state;
  return static_cast<bool>(stat >> id >> name >> state) && state != "Z" && state != "X";
}

bool AwaitEnd(pid_t pid) {
  for (int i = 0; i < 6000 && IsAlive(pid); ++i) std::this_thread::sleep_for(10ms);
  return !IsAlive(pid);
}

}  // namespace vramcast::tests
