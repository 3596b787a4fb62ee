#include "supervise/startup.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <utility>

namespace vramcast::supervise {
namespace {

// Whatever goes wrong in here must not disturb the program: then there is no snapshot, no more.
// torch.cuda._lazy_call runs its argument when the program itself initialises CUDA, so processes
// that never do (torchrun's agent, data loaders) take no memory on the GPU because of this module.
constexpr std::string_view kSource = R"py(# Written by vramcast run; see its documentation.
import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _snapshot_path():
    folder = os.environ["VRAMCAST_SNAPSHOTS"]
    os.makedirs(folder, exist_ok=True)
    rank = os.environ.get("RANK", "0")
    return os.path.join(folder, "rank%s-pid%d.pickle" % (rank, os.getpid()))


def _watch_cuda(torch):
    def begin():
        try:
            entries = int(os.environ.get("VRAMCAST_HISTORY_ENTRIES", "100000"))
            torch.cuda.memory._record_memory_history(max_entries=entries, stacks="python")
            written = []

            def on_out_of_memory(device, size, device_total, device_free):
                if written:
                    return
                written.append(True)
                try:
                    torch.cuda.memory._dump_snapshot(_snapshot_path())
                except Exception:
                    pass

            torch._C._cuda_attach_out_of_memory_observer(on_out_of_memory)
        except Exception:
            pass

    try:
        torch.cuda._lazy_call(begin)
    except Exception:
        pass


class _TorchLoader:
    def __init__(self, loader):
        self._loader = loader

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        _watch_cuda(module)


class _TorchFinder:
    def find_spec(self, name, path=None, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _TorchLoader(spec.loader)
        return spec


sys.meta_path.insert(0, _TorchFinder())

# The user's own sitecustomize, which this one hides.
_elsewhere = [p for p in sys.path if os.path.abspath(p or ".") != _HERE]
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", _elsewhere)
if _spec is not None and _spec.loader is not None:
    _module = importlib.util.module_from_spec(_spec)
    sys.modules["sitecustomize"] = _module
    _spec.loader.exec_module(_module)
)py";

}  // namespace

std::string_view StartupSource() { return kSource; }

Result<StartupModule> StartupModule::Write(const std::string& snapshots, int64_t max_entries) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  std::string folder = (error ? fs::path("/tmp") : base) / "vramcast-run-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return MachineError("cannot make a folder in " + base.string());
  }
  StartupModule module;
  module.folder_ = folder;
  std::ofstream file(folder + "/sitecustomize.py", std::ios::binary);
  file << kSource;
  file.flush();
  if (!file) return MachineError("cannot write the start-up module into " + folder);
  const char* before = getenv("PYTHONPATH");
  const bool none = before == nullptr || *before == '\0';
  module.environment_ = {{"PYTHONPATH", none ? folder : folder + ":" + before},
                         {"VRAMCAST_SNAPSHOTS", fs::absolute(snapshots, error).string()},
                         {"VRAMCAST_HISTORY_ENTRIES", std::to_string(max_entries)}};
  return module;
}

StartupModule::StartupModule(StartupModule&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), environment_(std::move(other.environment_)) {}

StartupModule::~StartupModule() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

}  // namespace vramcast::supervise
