#include "dryrun/pytorch.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "dryrun/files.h"

namespace vramcast::dryrun {
namespace {
namespace fs = std::filesystem;

// torch/version.py is executed alone: importing torch would need the libraries that are to be made.
constexpr std::string_view kQuestion = R"(
import importlib.metadata, importlib.util, json, os, runpy
answer = {}
spec = importlib.util.find_spec("torch")
if spec is not None and spec.origin:
    answer["folder"] = os.path.dirname(spec.origin)
    path = os.path.join(answer["folder"], "version.py")
    about = runpy.run_path(path) if os.path.exists(path) else {}
    answer["version"] = str(about.get("__version__", ""))
    answer["cuda"] = about.get("cuda")
    answer["hip"] = about.get("hip")
    try:
        answer["requires"] = importlib.metadata.requires("torch") or []
    except importlib.metadata.PackageNotFoundError:
        answer["requires"] = []
    answer["installed"] = " ".join(sorted(
        "%s=%s" % (d.metadata["Name"], d.version) for d in importlib.metadata.distributions()))
print(json.dumps(answer))
)";

// "9.10.2.21" -> {9, 10, 2}; missing parts are zero.
std::vector<int> Parts(std::string_view version) {
  std::vector<int> parts;
  for (const std::string_view part : Split(version, '.')) {
    parts.push_back(static_cast<int>(ParseInt(part).value_or(0)));
  }
  parts.resize(3);
  return parts;
}

// The version that one of "nvidia-cudnn-cu12==9.10.2.21; platform…" pins.
std::optional<std::vector<int>> Pinned(const std::vector<std::string>& requirements,
                                       std::string_view package) {
  for (const std::string& requirement : requirements) {
    const size_t equals = requirement.find("==");
    if (!requirement.starts_with(package) || equals == std::string::npos) continue;
    const std::string_view rest = std::string_view(requirement).substr(equals + 2);
    return Parts(rest.substr(0, rest.find_first_not_of("0123456789.")));
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> FindPython(const Start& start, const Environment& environment) {
  if (start.project_environment) {
    for (const char* path : {".venv/bin/python", "venv/bin/python"}) {
      if (!FindProgram(path, environment).empty()) return fs::absolute(path).string();
    }
  }
  if (!start.beside.empty()) {
    const std::string launcher = FindProgram(start.beside, environment);
    if (!launcher.empty()) {
      // A script names its interpreter in its first line, if that is a Python.
      const auto text = ReadWhole(launcher);
      if (text && text->starts_with("#!")) {
        const std::string_view line = Trim(std::string_view(*text).substr(2, text->find('\n') - 2));
        const std::string interpreter(line.substr(0, line.find(' ')));
        if (interpreter.find("python") != std::string::npos &&
            !FindProgram(interpreter, environment).empty()) {
          return interpreter;
        }
      }
      const std::string sibling = (fs::path(launcher).parent_path() / "python").string();
      if (!FindProgram(sibling, environment).empty()) return sibling;
    }
  }
  for (const std::string& name : {start.python, std::string("python3")}) {
    if (std::string found = FindProgram(name, environment); !found.empty()) return found;
  }
  return MachineError(fmt::format("there is no {} on this machine's PATH", start.python));
}

Result<PyTorch> ReadPyTorch(std::string_view answer, const std::string& python) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object()) {
    return MachineError(fmt::format("{} did not say which PyTorch it has", python));
  }
  if (!json.contains("folder")) {
    return MachineError(
        fmt::format("{} has no PyTorch: activate the environment that the program "
                    "uses, or name its Python in the command",
                    python));
  }
  PyTorch torch;
  torch.python = python;
  torch.folder = json.value("folder", "");
  torch.version = json.value("version", "");
  const auto cuda = json.find("cuda");
  if (cuda == json.end() || !cuda->is_string()) {
    const bool rocm = json.contains("hip") && json["hip"].is_string();
    return MachineError(fmt::format("PyTorch {} at {} is built {}: a dry run needs a CUDA build",
                                    torch.version, torch.folder.string(),
                                    rocm ? "for ROCm" : "without CUDA"));
  }
  const std::vector<int> version = Parts(cuda->get<std::string>());
  torch.cuda_version = version[0] * 1000 + version[1] * 10;
  std::vector<std::string> requirements;
  for (const auto& entry : json.value("requires", nlohmann::json::array())) {
    if (entry.is_string()) requirements.push_back(entry);
  }
  // cudnn_version.h and nccl.h: 9.10.2 is 91002, 2.27.5 is 22705.
  if (const auto cudnn = Pinned(requirements, "nvidia-cudnn")) {
    torch.cudnn_version = (*cudnn)[0] * 10000 + (*cudnn)[1] * 100 + (*cudnn)[2];
  }
  if (const auto nccl = Pinned(requirements, "nvidia-nccl")) {
    torch.nccl_version = (*nccl)[0] * 10000 + (*nccl)[1] * 100 + (*nccl)[2];
  }
  torch.installed = json.value("installed", "");
  return torch;
}

Result<PyTorch> FindPyTorch(const std::string& python, const Environment& environment) {
  Environment quiet = environment;
  quiet.erase("VRAMCAST_LIBRARIES");
  const auto ending = Ask({python, "-c", std::string(kQuestion)}, quiet);
  if (!ending) return tl::make_unexpected(ending.error());
  if (ending->code != 0) {
    return MachineError(fmt::format("{} cannot be run (exit code {})", python, ending->code));
  }
  return ReadPyTorch(ending->output, python);
}

}  // namespace vramcast::dryrun
