#include "command/starter.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "command/lexer.h"

namespace vramcast::command {
namespace {

using List = std::span<const std::string_view>;

// Programs that run another program: what follows them is searched for one.
constexpr std::string_view kWrappers[] = {
    "nohup",      "time",      "exec",        "command",
    "sudo",       "doas",      "nice",        "ionice",
    "stdbuf",     "timeout",   "taskset",     "numactl",
    "chrt",       "setsid",    "unbuffer",    "env",
    "screen",     "tmux",      "conda",       "mamba",
    "micromamba", "poetry",    "pipenv",      "pixi",
    "hatch",      "uv",        "rye",         "pdm",
    "xvfb-run",   "nsys",      "ncu",         "docker",
    "podman",     "apptainer", "singularity", "srun",
    "mpirun",     "mpiexec",   "systemd-run", "caffeinate",
    "dotenv",     "sbatch",    "salloc",      "systemd-inhibit",
    "eval",       "builtin",   "vramcast"};
constexpr std::string_view kShells[] = {"bash", "sh", "zsh", "dash", "ksh"};
// Options of wrappers whose value is the next word and could be mistaken for a program.
constexpr std::string_view kWrapperValues[] = {"-n",
                                               "-np",
                                               "-p",
                                               "-S",
                                               "--name",
                                               "--python",
                                               "--prefix",
                                               "-Logfile",
                                               "--env",
                                               "-N",
                                               "--extra",
                                               "--with",
                                               "--group",
                                               "--package",
                                               "--ntasks",
                                               "--nodes",
                                               "--ntasks-per-node",
                                               "--env-file",
                                               "--directory",
                                               "--project"};
// Options of starters that stand alone; every other option takes a value.
constexpr std::string_view kTorchrunAlone[] = {
    "--standalone", "--no-python",          "--run-path", "--use-env",
    "--module",     "--virtual-local-rank", "-m",         "--help"};
constexpr std::string_view kAccelerateAlone[] = {"--multi-gpu",
                                                 "--cpu",
                                                 "--tpu",
                                                 "--quiet",
                                                 "-q",
                                                 "--use-deepspeed",
                                                 "--use-fsdp",
                                                 "--debug",
                                                 "--module",
                                                 "-m",
                                                 "--use-megatron-lm",
                                                 "--use-xpu",
                                                 "--no-python",
                                                 "--same-network",
                                                 "--use-cpu",
                                                 "--ipex",
                                                 "--help"};
constexpr std::string_view kDeepspeedAlone[] = {"--module",          "--no-python",   "--no-ssh",
                                                "--no-local-rank",   "--force-multi", "--save-pid",
                                                "--elastic-training"};

bool Contains(List list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string Dashes(std::string text) {
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string BaseName(std::string_view path) {
  const size_t slash = path.rfind('/');
  std::string name(slash == std::string_view::npos ? path : path.substr(slash + 1));
  if (name.ends_with(".exe")) name.resize(name.size() - 4);
  return name;
}

bool IsPython(std::string_view name) {
  for (const std::string_view stem : {"python", "pypy"}) {
    if (name.starts_with(stem)) {
      return name.substr(stem.size()).find_first_not_of("0123456789.t") == std::string_view::npos;
    }
  }
  return false;
}

bool StartsSomething(std::string_view name) {
  return IsPython(name) || Contains(kWrappers, name) || Contains(kShells, name) ||
         name == "torchrun" || name == "accelerate" || name == "deepspeed" || name.ends_with(".sh");
}

class Reader {
 public:
  Reader(std::string_view text, std::span<const Argument> arguments)
      : text_(text), arguments_(arguments) {
    start_.processes.text = "1";
    start_.nodes.text = "1";
  }

  Start Read() {
    while (at_ < arguments_.size() && !done_) ReadProgram();
    if (start_.starter && start_.program >= arguments_.size()) start_.starter.reset();
    return std::move(start_);
  }

 private:
  std::string TextAt(size_t i) const {
    return i < arguments_.size() ? arguments_[i].value.text.value_or("") : "";
  }

  void ReadProgram() {
    const std::string name = BaseName(TextAt(at_));
    if (IsPython(name)) {
      ReadPython();
    } else if (name == "torchrun") {
      ++at_;
      ReadOptions(Starter::kTorchrun, kTorchrunAlone);
    } else if (name == "accelerate") {
      at_ += TextAt(at_ + 1) == "launch" ? 2 : 1;
      if (TextAt(at_ - 1) != "launch") return Stop();
      ReadOptions(Starter::kAccelerate, kAccelerateAlone);
    } else if (name == "deepspeed") {
      ++at_;
      ReadOptions(Starter::kDeepspeed, kDeepspeedAlone);
    } else if (Contains(kShells, name)) {
      ReadShell();
    } else if (name.ends_with(".sh")) {
      start_.scripts.push_back(TextAt(at_));
      Stop();
    } else if (name == "uv" && TextAt(at_ + 1) == "run") {
      ReadUv();
    } else if (Contains(kWrappers, name)) {
      ReadWrapper(name);
    } else {
      Stop();
    }
  }

  void ReadPython() {
    for (++at_; at_ < arguments_.size(); ++at_) {
      const std::string option = TextAt(at_);
      if (option == "-W" || option == "-X" || option == "--check-hash-based-pycs") {
        ++at_;
      } else if (option == "-m") {
        return ReadModule(at_ + 1);
      } else if (option.starts_with("-m")) {
        return Stop();
      } else if (option == "-c" || option == "-" || option == "-V" || option == "--version") {
        return Stop();
      } else if (option.size() > 2 && option[0] == '-' && option[1] != '-' &&
                 option.ends_with("m")) {  // -um scripts.base_train
        return ReadModule(at_ + 1);
      } else if (!option.starts_with("-")) {
        const std::string name = BaseName(option);
        if (name == "torchrun" || name == "accelerate" || name == "deepspeed") return;
        return Found(Starter::kPython, at_);
      }
    }
    Stop();
  }

  void ReadModule(size_t module) {
    const std::string name = TextAt(module);
    at_ = module + 1;
    if (name == "torch.distributed.run" || name == "torch.distributed.launch") {
      ReadOptions(Starter::kTorchrun, kTorchrunAlone);
    } else if (name == "accelerate.commands.launch") {
      ReadOptions(Starter::kAccelerate, kAccelerateAlone);
    } else if (name == "deepspeed.launcher.runner") {
      ReadOptions(Starter::kDeepspeed, kDeepspeedAlone);
    } else {
      start_.is_module = true;
      Found(Starter::kPython, module);
    }
  }

  // The options of torchrun and its like, up to the program.
  void ReadOptions(Starter starter, List alone) {
    if (starter != Starter::kTorchrun) {
      start_.processes = {std::nullopt, {}, {}, "the number of processes is not in the command"};
    }
    while (at_ < arguments_.size()) {
      const std::string option = Prefix(at_);
      if (!option.starts_with("-") || option == "-") return Found(starter, at_);
      const size_t equals = option.find('=');
      const std::string name = Dashes(option.substr(0, equals));
      ++at_;
      if (name == "--") continue;
      if (name == "-m" || name == "--module") start_.is_module = true;
      if (Contains(alone, name)) continue;
      Value value;
      if (equals != std::string::npos) {
        value = ValueAfter(at_ - 1, equals + 1);
      } else if (at_ < arguments_.size()) {
        value = arguments_[at_++].value;
      }
      UseOption(name, std::move(value));
    }
    Stop();
  }

  void UseOption(std::string_view name, Value value) {
    if (name == "--nproc-per-node" || name == "--num-gpus") {
      if (value.text == "gpu" || value.text == "auto" || value.text == "cpu") {
        value = {std::nullopt, {}, {}, "one process for each GPU of the machine"};
      }
      start_.processes = std::move(value);
    } else if (name == "--num-processes") {
      start_.processes = std::move(value);
      start_.processes_are_total = true;
    } else if (name == "--nnodes" || name == "--num-nodes") {
      start_.nodes = std::move(value);
    }
  }

  void ReadShell() {
    for (++at_; at_ < arguments_.size(); ++at_) {
      const std::string option = TextAt(at_);
      if (option.starts_with("--") || option.starts_with("+")) continue;
      if (option.starts_with("-") && option.size() > 1) {
        if (option.back() != 'c') continue;
        AddNested(at_ + 1);
      } else if (!option.empty()) {
        start_.scripts.push_back(option);
      }
      break;
    }
    Stop();
  }

  void ReadUv() {
    start_.wrappers.push_back("uv run");
    for (at_ += 2; at_ < arguments_.size(); ++at_) {
      const std::string option = TextAt(at_);
      if (option == "-m" || option == "--module") return ReadModule(at_ + 1);
      if (option.starts_with("-")) {
        if (Contains(kWrapperValues, option)) ++at_;
      } else if (option.ends_with(".py")) {
        return Found(Starter::kPython, at_);
      } else {
        return;
      }
    }
  }

  void ReadWrapper(const std::string& name) {
    start_.wrappers.push_back(name);
    const bool tasks = name == "srun" || name == "mpirun" || name == "mpiexec";
    if (tasks) outer_ = name == "srun" ? Starter::kSrun : Starter::kMpi;
    for (++at_; at_ < arguments_.size(); ++at_) {
      const std::string word = TextAt(at_);
      if (StartsSomething(BaseName(word))) return;
      if (tasks) ReadTasks(word);
      if (name == "env" || name == "sudo") ReadEnvironment(at_);
      if (name == "tmux" || name == "screen" || name == "eval") AddNested(at_);
      if (Contains(kWrapperValues, word) && !StartsSomething(BaseName(TextAt(at_ + 1)))) ++at_;
    }
  }

  void ReadTasks(const std::string& word) {
    const size_t equals = word.find('=');
    const std::string option = word.substr(0, equals);
    const Value value = equals == std::string::npos
                            ? (at_ + 1 < arguments_.size() ? arguments_[at_ + 1].value : Value())
                            : ValueAfter(at_, equals + 1);
    if (option == "-n" || option == "-np" || option == "--ntasks") {
      tasks_ = value, tasks_are_total_ = true;
    } else if (option == "--ntasks-per-node") {
      tasks_ = value, tasks_are_total_ = false;
    } else if (option == "-N" || option == "--nodes") {
      start_.nodes = value;
    }
  }

  void ReadEnvironment(size_t i) {
    const std::string prefix = Prefix(i);
    const size_t equals = prefix.find('=');
    if (equals == std::string::npos || equals == 0 || !IsNameStart(prefix[0]) ||
        !std::all_of(prefix.begin(), prefix.begin() + static_cast<ptrdiff_t>(equals), IsNameChar)) {
      return;
    }
    start_.environment.push_back(
        {prefix.substr(0, equals), ValueAfter(i, equals + 1), arguments_[i].word.span});
  }

  // A command inside one pair of quotes where every byte stands for itself.
  void AddNested(size_t i) {
    if (i >= arguments_.size()) return;
    const Word& word = arguments_[i].word;
    if (word.pieces.empty() || !word.pieces.front().quoted) return;
    size_t at = word.pieces.front().span.begin;
    const Span inside = {at, word.pieces.back().span.end};
    for (const Piece& piece : word.pieces) {
      if (piece.span.begin != at || !piece.quoted ||
          (piece.kind == PieceKind::kLiteral &&
           text_.substr(piece.span.begin, piece.span.size()) != piece.text)) {
        return;
      }
      at = piece.span.end;
    }
    if (inside.size() > 0) start_.nested.push_back(inside);
  }

  // What is known of an argument from its front.
  std::string Prefix(size_t i) const {
    if (arguments_[i].value.text) return *arguments_[i].value.text;
    std::string prefix;
    for (const Piece& piece : arguments_[i].word.pieces) {
      if (piece.kind != PieceKind::kLiteral) break;
      prefix += piece.text;
    }
    return prefix;
  }

  Value ValueAfter(size_t i, size_t skip) const {
    Value value = arguments_[i].value;
    if (value.text) value.text->erase(0, skip);
    for (std::string& candidate : value.candidates) {
      candidate.erase(0, std::min(skip, candidate.size()));
    }
    return value;
  }

  void Found(Starter starter, size_t program) {
    start_.starter = starter;
    start_.program = program;
    if (starter == Starter::kPython && outer_) {
      start_.starter = outer_;
      if (tasks_) {
        start_.processes = *tasks_;
        start_.processes_are_total = tasks_are_total_;
      }
    }
    Stop();
  }

  void Stop() { done_ = true; }

  std::string_view text_;
  std::span<const Argument> arguments_;
  Start start_;
  std::optional<Starter> outer_;
  std::optional<Value> tasks_;
  bool tasks_are_total_ = false;
  size_t at_ = 0;
  bool done_ = false;
};

}  // namespace

Start ReadStart(std::string_view text, std::span<const Argument> arguments) {
  return Reader(text, arguments).Read();
}

}  // namespace vramcast::command
