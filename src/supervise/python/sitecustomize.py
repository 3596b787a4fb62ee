"""Written by `vramcast run` and found by Python through PYTHONPATH (docs/run.md). Waits until the
program itself uses CUDA; then it lets PyTorch record its allocations in a ring, notes the
allocator's own numbers a few times a second, and writes a memory snapshot at the moment of an
out-of-memory. Whatever goes wrong in here must not disturb the program: then less is recorded."""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _integer(name, default):
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        return default


class _Recorder:
    PERIOD = 0.2  # seconds between two looks
    WRITE_EVERY = 10  # looks
    TELL_EVERY = 5  # looks
    MOST_STACKS = 256
    MOST_FRAMES = 48
    MOST_RISES = 1000
    MOST_DEATHS = 8
    SNAPSHOT_EVERY = 60  # seconds: a program that survives an out-of-memory may have many

    def __init__(self, torch, folder):
        import threading
        import time

        self.torch = torch
        self.clock = time.time
        self.pid = os.getpid()
        self.rank = _integer("RANK", 0)
        name = "rank%d-pid%d" % (self.rank, self.pid)
        self.path = os.path.join(folder, "records", name + ".json")
        self.now = os.path.join(folder, "records", "pid%d.now" % self.pid)
        self.snapshot = os.path.join(os.environ.get("VRAMCAST_SNAPSHOTS", folder), name + ".pickle")
        self.snapshot_time = None
        self.main = threading.main_thread().ident
        self.record = {
            "schema": "vramcast.startup", "version": 1, "pid": self.pid, "rank": self.rank,
            "world_size": _integer("WORLD_SIZE", 1), "program": sys.argv[0] if sys.argv else "",
            "began": self.clock(), "time": self.clock(), "device": None, "allocated": 0,
            "reserved": 0, "peak_allocated": 0, "peak_reserved": 0, "looks": 0, "stacks": [],
            "rises": [], "deaths": [],
        }
        self.stacks = {}
        self.place = None  # of the last look: index into record["stacks"]
        self.calm = 0  # looks since the peak last rose
        self.devices = []
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._look_again, name="vramcast", daemon=True)
        self.thread.start()

    def _frames(self, frame):
        """Innermost last, as tracebacks print them: file, line, function."""
        frames = []
        while frame is not None and len(frames) < self.MOST_FRAMES:
            code = frame.f_code
            frames.append((code.co_filename, frame.f_lineno, code.co_name))
            frame = frame.f_back
        return tuple(reversed(frames))

    def _with_code(self, frames):
        import linecache

        return [[f, n, name, linecache.getline(f, n).strip()[:200]] for f, n, name in frames]

    def _numbers(self):
        """Of the device with most memory: its index, and current and peak bytes."""
        if self.record["looks"] % 50 == 0:
            self.devices = range(self.torch.cuda.device_count())
        best = None
        for device in self.devices:
            stats = self.torch._C._cuda_memoryStats(device)
            allocated, reserved = stats["allocated_bytes"]["all"], stats["reserved_bytes"]["all"]
            found = (reserved["peak"], device, allocated["current"], reserved["current"],
                     allocated["peak"])
            if best is None or found > best:
                best = found
        return best

    def _look(self):
        record = self.record
        best = self._numbers()
        if best is None:
            return
        peak_reserved, device, allocated, reserved, peak_allocated = best
        # What the program's peak rose to since the last look was reached in between. A program
        # may reset its peak: the highest ever seen counts here.
        rose = peak_allocated if peak_allocated > record["peak_allocated"] else 0
        record.update(
            time=self.clock(), device=device, allocated=allocated, reserved=reserved,
            peak_allocated=max(peak_allocated, record["peak_allocated"]),
            peak_reserved=max(peak_reserved, record["peak_reserved"]), looks=record["looks"] + 1)
        # Lines inside PyTorch and other libraries say nothing that their functions do not.
        frames = tuple((f, 0 if "site-packages" in f or "dist-packages" in f else n, name)
                       for f, n, name in self._frames(sys._current_frames().get(self.main)))
        entry = self.stacks.get(frames)
        if entry is None:
            if len(self.stacks) >= self.MOST_STACKS:
                return
            entry = self.stacks[frames] = {"frames": self._with_code(frames), "looks": 0,
                                           "allocated": 0, "reserved": 0,
                                           "index": len(record["stacks"])}
            record["stacks"].append(entry)
        entry["looks"] += 1
        entry["allocated"] = max(entry["allocated"], allocated)
        entry["reserved"] = max(entry["reserved"], reserved)
        if rose and len(record["rises"]) < self.MOST_RISES:
            record["rises"].append([self.place, entry["index"], rose, self.calm])
        self.calm = 0 if rose else self.calm + 1
        self.place = entry["index"]

    def _look_again(self):
        looks = 0
        while not self.stop.wait(self.PERIOD):
            try:
                with self.lock:
                    self._look()
                if looks % self.TELL_EVERY == 0:
                    self.tell()
                looks += 1
                if looks <= self.WRITE_EVERY or looks % self.WRITE_EVERY == 0:
                    self.write()
            except Exception:
                return

    def tell(self):
        """What the allocator holds now, for who watches: one short line, once a second."""
        if os.getpid() != self.pid or self.record["device"] is None:
            return
        numbers = [self.record[key] for key in ("time", "device", "allocated", "reserved")]
        self._replace(self.now, "vramcast.now 1 %.3f %d %d %d\n" % tuple(numbers))

    def write(self):
        import json

        if os.getpid() != self.pid:
            return  # a forked worker
        with self.lock:
            text = json.dumps(self.record)
        self._replace(self.path, text)

    def _replace(self, path, text):
        part = path + ".part"
        try:
            with open(part, "w") as file:
                file.write(text)
            os.replace(part, path)
        except OSError:
            self._remove(part)

    def finish(self):
        self.stop.set()
        try:
            with self.lock:
                self._look()
        except Exception:
            pass
        self.write()

    def on_out_of_memory(self, device, size, total, free):
        try:
            now = self.clock()
            # The allocator's thread need not be the main one: backward has threads of its own.
            with self.lock:
                self._look()
            stats = self.torch._C._cuda_memoryStats(device)
            death = {
                "time": now, "device": device, "requested": size, "total": total, "free": free,
                "allocated": stats["allocated_bytes"]["all"]["current"],
                "reserved": stats["reserved_bytes"]["all"]["current"],
                "frames": self._with_code(self._frames(sys._current_frames().get(self.main))),
            }
            deaths = self.record["deaths"]
            if len(deaths) >= self.MOST_DEATHS:
                deaths.pop()
            deaths.append(death)
            open(self.path[:-len(".json")] + ".death", "w").close()
            self.write()
            if self.snapshot_time is None or now - self.snapshot_time >= self.SNAPSHOT_EVERY:
                self.snapshot_time = now
                self._write_snapshot()
        except Exception:
            pass

    def _write_snapshot(self):
        part = self.snapshot + ".part"
        try:
            os.makedirs(os.path.dirname(self.snapshot), exist_ok=True)
            self.torch.cuda.memory._dump_snapshot(part)
            os.replace(part, self.snapshot)
        except Exception:
            self._remove(part)

    @staticmethod
    def _remove(path):
        try:
            os.remove(path)
        except OSError:
            pass


def _record_history(torch, entries):
    memory = torch.cuda.memory
    try:
        memory._record_memory_history("all", context="alloc", stacks="python", max_entries=entries)
    except TypeError:  # PyTorch 2.0
        memory._record_memory_history(True, trace_alloc_max_entries=entries,
                                      trace_alloc_record_context=True)


def _watch_cuda(torch):
    def begin():
        try:
            import atexit

            folder = os.environ["VRAMCAST_RUN"]
            recorder = _Recorder(torch, folder)
            atexit.register(recorder.finish)
            _record_history(torch, _integer("VRAMCAST_HISTORY_ENTRIES", 100000))
            torch._C._cuda_attach_out_of_memory_observer(recorder.on_out_of_memory)
        except Exception:
            pass

    try:
        # Runs when the program itself initialises CUDA, so that processes which never do
        # (torchrun's agent, data loaders) take no memory on the GPU because of this.
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


def _next_sitecustomize():
    """The one that this file hides, if there is one further along the path."""
    folders = [os.path.abspath(p or ".") for p in sys.path]
    rest = sys.path[folders.index(_HERE) + 1:] if _HERE in folders else []
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if os.environ.get("VRAMCAST_RUN") == _HERE:
    sys.meta_path.insert(0, _TorchFinder())
_next_sitecustomize()
