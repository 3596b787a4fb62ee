#include "dryrun/start.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace vramcast::dryrun {
namespace {

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool IsSetting(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0 || (word[0] >= '0' && word[0] <= '9'))
    return false;
  return std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(equals), [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

bool IsPython(const std::string& word) {
  const std::string name = FileName(word);
  return name.starts_with("python") &&
         name.find_first_not_of("0123456789.", std::string("python").size()) == std::string::npos;
}

// Options of the launchers that stand alone; every other one takes a value.
constexpr std::array<std::string_view, 22> kSwitches = {
    // torchrun (torch/distributed/run.py, PyTorch 2.9)
    "standalone", "m", "module", "no-python", "run-path", "use-env", "h", "help",
    "virtual-local-rank",
    // accelerate launch (accelerate/commands/launch.py 1.x)
    "multi-gpu", "cpu", "tpu", "use-deepspeed", "use-fsdp", "use-megatron-lm", "quiet", "q",
    "same-network", "no-local-rank", "debug", "mps",
    // deepspeed
    "force-multi"};

class Words {
 public:
  explicit Words(std::span<const std::string> words) : words_(words) {}
  bool empty() const { return at_ >= words_.size(); }
  const std::string& front() const { return words_[at_]; }
  std::string Take() { return words_[at_++]; }
  std::vector<std::string> Rest() const {
    return {words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end()};
  }

 private:
  std::span<const std::string> words_;
  size_t at_ = 0;
};

// The program behind a launcher's own options.
Status ReadLauncher(Words* words, Start* start) {
  start->distributed = true;
  bool module = false;
  bool python = true;
  while (!words->empty() && words->front().starts_with("-")) {
    std::string option = words->Take();
    if (option == "--") break;
    option.erase(0, option.starts_with("--") ? 2 : 1);
    std::optional<std::string> value;
    if (const size_t equals = option.find('='); equals != std::string::npos) {
      value = option.substr(equals + 1);
      option.resize(equals);
    }
    std::replace(option.begin(), option.end(), '_', '-');
    if (option == "m" || option == "module") module = true;
    if (option == "no-python") python = false;
    if (std::find(kSwitches.begin(), kSwitches.end(), option) != kSwitches.end()) continue;
    if (!value && !words->empty()) value = words->Take();
    if (!value) return UsageError(fmt::format("--{} has no value", option));
    const auto number = ParseInt(*value);
    if (option == "nproc-per-node" || option == "num-processes" || option == "num-gpus") {
      if (number && *number > 0) start->processes = static_cast<int>(*number);
    } else if (option == "nnodes" || option == "num-machines" || option == "num-nodes") {
      const auto least = ParseInt(value->substr(0, value->find(':')));
      if (least && *least > 0) start->nodes = static_cast<int>(*least);
    } else if (option == "mixed-precision") {
      start->environment.emplace_back("ACCELERATE_MIXED_PRECISION", *value);
    } else if (option == "gradient-accumulation-steps") {
      start->environment.emplace_back("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", *value);
    }
  }
  if (words->empty()) return UsageError("the launch command names no program");
  start->arguments = words->Rest();
  if (!python) {
    if (!IsPython(start->arguments.front())) {
      return UsageError(fmt::format("{} is not a Python program", start->arguments.front()));
    }
    start->python = start->arguments.front();
    start->arguments.erase(start->arguments.begin());
  }
  // argparse, which all launchers use, takes a "--" after the program for its own.
  if (start->arguments.size() > 1 && start->arguments[1] == "--") {
    start->arguments.erase(start->arguments.begin() + 1);
  }
  if (module) start->arguments.insert(start->arguments.begin(), "-m");
  return {};
}

Status ReadPython(Words* words, Start* start) {
  const std::vector<std::string> arguments = words->Rest();
  const auto module = std::find(arguments.begin(), arguments.end(), "-m");
  const bool launcher =
      module != arguments.end() && module + 1 != arguments.end() &&
      std::all_of(arguments.begin(), module, [](const auto& w) { return w.starts_with("-"); }) &&
      (module[1] == "torch.distributed.run" || module[1] == "torch.distributed.launch" ||
       module[1] == "accelerate.commands.launch" || module[1] == "deepspeed.launcher.runner");
  if (!launcher) {
    start->arguments = arguments;
    if (arguments.empty()) return UsageError("the launch command names no program");
    return {};
  }
  const std::vector<std::string> rest(module + 2, arguments.end());
  Words launched(rest);
  return ReadLauncher(&launched, start);
}

}  // namespace

Result<Start> ReadStart(std::span<const std::string> command) {
  Start start;
  Words words(command);
  while (!words.empty()) {
    const std::string word = words.Take();
    const std::string name = FileName(word);
    if (IsSetting(word)) {
      const size_t equals = word.find('=');
      start.environment.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else if (name == "env" || name == "nohup" || name == "time" || name == "exec" ||
               name == "command" || name == "setsid") {
      continue;
    } else if (name == "nice" || name == "ionice" || name == "stdbuf") {
      while (!words.empty() && words.front().starts_with("-")) {
        const std::string option = words.Take();
        if (option.size() == 2 && !words.empty()) words.Take();
      }
    } else if ((name == "uv" || name == "poetry" || name == "pdm" || name == "rye") &&
               !words.empty() && words.front() == "run") {
      words.Take();
      start.project_environment = true;
      while (!words.empty() && words.front().starts_with("--") &&
             words.front().find("extra") == std::string::npos) {
        words.Take();
      }
      while (!words.empty() && words.front() == "--extra") {
        words.Take();
        if (!words.empty()) words.Take();
      }
    } else if (IsPython(word)) {
      start.python = word;
      if (Status status = ReadPython(&words, &start); !status) {
        return tl::make_unexpected(status.error());
      }
      return start;
    } else if (name == "torchrun" || name == "accelerate" || name == "deepspeed") {
      if (name == "accelerate" && (words.empty() || words.Take() != "launch")) {
        return UsageError("of accelerate, only `accelerate launch` starts a program");
      }
      start.beside = word;
      if (Status status = ReadLauncher(&words, &start); !status) {
        return tl::make_unexpected(status.error());
      }
      return start;
    } else if (word.ends_with(".py")) {
      start.arguments = words.Rest();
      start.arguments.insert(start.arguments.begin(), word);
      return start;
    } else {
      return UsageError(fmt::format(
          "'{}' starts no Python program: a dry run understands python, torchrun, accelerate "
          "launch and deepspeed, after environment settings",
          word));
    }
  }
  return UsageError(
      "no command to run: put it after --, as in `vramcast dryrun -- python train.py`");
}

}  // namespace vramcast::dryrun
