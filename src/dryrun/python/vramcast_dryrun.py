"""The observer inside a dry run: peaks by phase, the stop once they are stable, and the report."""

import atexit
import ctypes
import json
import os
import shutil
import sys
import threading
import time

import vramcast_phases
import vramcast_positions
import vramcast_progress
from vramcast_progress import note

_NO_ROOM = 2**20  # bytes that are left of a disk which is full
_device = None


def device():
    global _device
    if _device is None:
        path = os.path.join(os.environ["VRAMCAST_LIBRARIES"], "libvramcast_device.so")
        _device = ctypes.CDLL(path)
    return _device


def mib(size):
    return f"{size / 2**20:,.2f} MiB"


class Observer:
    def __init__(self, torch):
        self.torch = torch
        self.index = int(os.environ.get("LOCAL_RANK", "0"))
        self.result_path = os.environ["VRAMCAST_RESULT"]
        self.stable_steps = int(os.environ.get("VRAMCAST_STABLE_STEPS", "3"))
        self.least_steps = int(os.environ.get("VRAMCAST_LEAST_STEPS", "4"))
        self.to_end = os.environ.get("VRAMCAST_TO_END") == "1"
        self.by_phase = {}  # name -> [allocated, reserved]
        self.order = []
        self.steps = []  # peak allocated within each step
        self.peak = [0, 0]
        self.step_peak = 0
        self.unchanged = 0
        self.stable_peak = [0, 0]
        self.oom = None
        self.started = self.written = time.time()
        self.stopped = None
        self.finished = False
        self.marks = []  # [time in microseconds, phase], for the trace
        # Peaks that the program may still read, while ours are reset phase by phase.
        self.saved = {}
        self.raw_stats = torch._C._cuda_memoryStats
        self.raw_reset = torch._C._cuda_resetPeakMemoryStats
        torch._C._cuda_memoryStats = self.stats_for_program
        torch._C._cuda_resetPeakMemoryStats = self.reset_for_program
        self.phases = vramcast_phases.Phases(self.enter)
        self.begun("model_init")

    # --- peaks -----------------------------------------------------------------------------------

    def stats_for_program(self, index):
        stats = self.raw_stats(index)
        for (at, name, pool), value in self.saved.items():
            if at == index:
                stat = stats[name][pool] if pool else stats[name]
                stat["peak"] = max(stat["peak"], value)
        return stats

    def reset_for_program(self, index):
        self.fold()
        self.saved = {key: value for key, value in self.saved.items() if key[0] != index}
        return self.raw_reset(index)

    def fold(self):
        """Takes what has happened since the last call into the current phase's peak."""
        if not self.torch.cuda.is_initialized():
            return
        stats = self.raw_stats(self.index)
        for name, pools in stats.items():
            if not isinstance(pools, dict):
                continue
            for pool, stat in {"": pools}.items() if "peak" in pools else pools.items():
                key = (self.index, name, pool)
                self.saved[key] = max(self.saved.get(key, 0), stat["peak"])
        now = [stats[name]["all"]["peak"] for name in ("allocated_bytes", "reserved_bytes")]
        self.raw_reset(self.index)
        for peaks in (self.by_phase[self.order_now], self.peak):
            for i in range(2):
                peaks[i] = max(peaks[i], now[i])
        self.step_peak = max(self.step_peak, now[0])

    def begun(self, name):
        self.order_now = name
        if name not in self.by_phase:
            self.by_phase[name] = [0, 0]
            self.order.append(name)
        self.marks.append([time.time_ns() // 1000, name])
        vramcast_progress.doing(self.activity())

    def activity(self):
        if self.order_now == "train_step":
            return f"step {len(self.steps) + 1}"
        return self.order_now.replace("_", " ")

    def enter(self, name):
        self.fold()
        self.begun(name)
        if time.time() - self.written > 1:  # in case the program is killed before it ends a step
            self.write()

    # --- steps -----------------------------------------------------------------------------------

    def on_step(self):
        self.fold()
        self.steps.append(self.step_peak)
        note(f"step {len(self.steps)}: peak {mib(self.step_peak)}, of the run {mib(self.peak[0])}")
        self.step_peak = 0
        vramcast_progress.doing(self.activity())
        self.unchanged = self.unchanged + 1 if self.peak == self.stable_peak else 0
        self.stable_peak = list(self.peak)
        if self.to_end or len(self.steps) < self.least_steps:
            return self.write()
        if self.unchanged >= self.stable_steps:
            self.stopped = "stable"
            note(f"the peak has not changed for {self.stable_steps} steps: done")
            self.leave(0)
        return self.write()

    # --- the end ---------------------------------------------------------------------------------

    def died(self, kind, error):
        if issubclass(kind, self.torch.OutOfMemoryError):
            self.oom = {"message": str(error), "phase": self.phases.current}

    def report(self):
        used = (ctypes.c_uint64 * 5)()
        device().vramcast_device_usage(self.index, used)
        names = ctypes.create_string_buffer(8192)
        device().vramcast_device_unknown(names, ctypes.c_size_t(len(names)))
        return {
            "rank": int(os.environ.get("RANK", "0")),
            "torch": self.torch.__version__,
            "peak_allocated_bytes": self.peak[0],
            "peak_reserved_bytes": self.peak[1],
            "device_peak_used_bytes": used[1],
            "device_refused": used[3],
            "phases": [
                {
                    "name": name,
                    "peak_allocated_bytes": self.by_phase[name][0],
                    "peak_reserved_bytes": self.by_phase[name][1],
                }
                for name in self.order
            ],
            "steps": self.steps,
            "stopped": self.stopped,
            "oom": self.oom,
            "remarks": vramcast_progress.remarks,
            "unknown_entry_points": names.value.decode().split(),
            "seconds": time.time() - self.started,
            "marks": self.marks if self.finished else [],
        }

    def write(self):
        with open(self.result_path, "w") as file:
            file.write(json.dumps(self.report()))
        self.written = time.time()

    def finish(self):
        if self.finished:
            return
        self.finished = True
        self.fold()
        if self.phases.step_open:
            self.steps.append(self.step_peak)
        snapshot = os.environ.get("VRAMCAST_SNAPSHOT")
        if snapshot and self.torch.cuda.is_initialized():
            vramcast_progress.doing("writing down the allocations")
            try:
                self.torch.cuda.memory._dump_snapshot(snapshot)
            except Exception as error:  # a full disk, or a PyTorch that does it differently
                note(f"the allocations could not be written down: {error}")
                if os.path.isfile(snapshot):
                    os.remove(snapshot)
        self.write()

    def leave(self, code):
        self.finish()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # other threads wait for collectives that nobody will finish


def _keep_programs_alive(torch):
    """Numbers read from the device are zero where a kernel would have computed them. A count or a
    sum that is zero makes programs divide by zero, so a number that reads as zero becomes one."""
    library = torch.library.Library("aten", "IMPL")
    scaler = threading.local()

    def read(tensor):
        value = tensor.cpu().item()
        if value or isinstance(value, bool) or getattr(scaler, "inside", False):
            return value
        sent = device().vramcast_device_known(ctypes.c_void_p(tensor.data_ptr()),
                                              ctypes.c_size_t(tensor.element_size()))
        return value if sent else type(value)(1)

    def fill(tensor, value):
        # Compilers fold constants that they made on the device: a single element is really filled.
        if tensor.numel() == 1:
            one = torch.tensor(value, dtype=tensor.dtype)
            device().vramcast_device_write(ctypes.c_void_p(tensor.data_ptr()),
                                           ctypes.c_void_p(one.data_ptr()),
                                           ctypes.c_size_t(one.element_size()))
        return tensor

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library.impl("_local_scalar_dense", read, "CUDA")
        library.impl("fill_.Scalar", fill, "CUDA")

    # A gradient scaler reads "how many gradients overflowed" and skips the step unless it is zero.
    grad_scaler = torch.amp.grad_scaler.GradScaler
    step = grad_scaler._maybe_opt_step

    def maybe_opt_step(self, *arguments, **more):
        scaler.inside = True
        try:
            return step(self, *arguments, **more)
        finally:
            scaler.inside = False

    grad_scaler._maybe_opt_step = maybe_opt_step
    return library


def _redirect_saves(torch, after_import):
    """What the program saves goes to the run's scratch folder, under the path it was meant for."""
    folder = os.environ.get("VRAMCAST_SCRATCH_SAVES")
    if not folder:
        return

    def scratch(path):
        moved = os.path.join(folder, os.path.abspath(os.fspath(path)).lstrip(os.sep))
        os.makedirs(os.path.dirname(moved), exist_ok=True)
        return moved

    def full():
        room = os.statvfs(os.path.dirname(folder))
        return room.f_bavail * room.f_frsize < _NO_ROOM

    def moving(function, position, name):
        def call(*arguments, **more):
            arguments = list(arguments)
            if len(arguments) > position and isinstance(arguments[position], (str, os.PathLike)):
                holder, key = arguments, position
            elif isinstance(more.get(name), (str, os.PathLike)):
                holder, key = more, name
            else:
                return function(*arguments, **more)
            try:
                holder[key] = scratch(holder[key])
                return function(*arguments, **more)
            except (OSError, RuntimeError) as error:
                if not full():
                    raise
                # Nobody would have read it: a program on the user's own disk would have gone on.
                shutil.rmtree(folder, ignore_errors=True)
                vramcast_progress.remark(f"what the program saved was dropped, since the disk of "
                                         f"{os.path.dirname(folder)} is full ({error})")
                return None

        return call

    def move(module, function, position, name):
        if hasattr(module, function):
            setattr(module, function, moving(getattr(module, function), position, name))

    def silence_report(module):
        if hasattr(module, "Report"):
            module.Report.log = lambda self, section, data: None

    move(torch, "save", 1, "f")
    after_import("safetensors.torch", lambda m: move(m, "save_file", 1, "filename"))
    after_import("nanochat.checkpoint_manager",
                 lambda m: move(m, "save_checkpoint", 0, "checkpoint_dir"))
    after_import("nanochat.report", silence_report)


def install(torch, after_import):
    if torch.version.cuda is None:
        return
    observer = Observer(torch)
    _redirect_saves(torch, after_import)
    vramcast_phases.install(torch, after_import, observer.phases, observer.on_step,
                            device().vramcast_device_step_begins)
    kept = [observer]
    if os.environ.get("VRAMCAST_HELPERS", "1") == "1":
        kept.append(_keep_programs_alive(torch))
        after_import("nanochat.engine", vramcast_positions.count)
    if os.environ.get("VRAMCAST_SNAPSHOT"):
        torch.cuda._lazy_call(
            lambda: torch.cuda.memory._record_memory_history(
                enabled="all", context="alloc", stacks="python", max_entries=2**31 - 1))
    vramcast_progress.tell_compiles(after_import)
    original = sys.excepthook
    failed = []

    def excepthook(kind, error, trace):
        observer.died(kind, error)
        failed.append(1)
        original(kind, error, trace)

    sys.excepthook = excepthook

    def at_exit():
        if failed:
            observer.leave(1)
        observer.finish()
        device().vramcast_device_release()

    atexit.register(at_exit)
    note(f"PyTorch {torch.__version__} on a device that counts memory and computes nothing")
    install.kept = kept
