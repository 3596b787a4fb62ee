"""Says on standard error what a dry run is doing: importing, compiling kernel i of n, step i. What
takes long is said again; on a terminal it is one line that counts the seconds."""

import os
import sys
import threading
import time

_SILENCE = 20  # seconds without a word, where standard error is no terminal


class _Progress:

    def __init__(self):
        self.quiet = os.environ.get("VRAMCAST_QUIET") == "1"
        self.terminal = sys.stderr is not None and sys.stderr.isatty()
        self.lock = threading.Lock()
        self.activity = ""
        self.since = self.spoken = time.monotonic()
        self.shown = False  # a line that will be overwritten
        self.process = os.getpid()

    def start(self):
        if not self.quiet:
            threading.Thread(target=self._tick, name="vramcast", daemon=True).start()

    def note(self, text):
        if self.quiet:
            return
        with self.lock:
            self._clear()
            self._write(f"vramcast: {text}\n")
            self.spoken = time.monotonic()

    def doing(self, activity):
        """Only said if it takes long."""
        self.activity = activity
        self.since = time.monotonic()

    def _write(self, text):
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self.quiet = True  # nobody listens any more

    def _clear(self):
        if self.shown:
            self._write("\r\x1b[K")
            self.shown = False

    def _tick(self):
        while not self.quiet and os.getpid() == self.process:
            time.sleep(1)
            now = time.monotonic()
            activity, seconds = self.activity, int(now - self.since)
            if not activity or seconds < 2:
                continue
            with self.lock:
                if self.terminal:
                    self._write(f"\r\x1b[Kvramcast: {activity}, {seconds} s"[:118])
                    self.shown = True
                elif now - max(self.spoken, self.since) > _SILENCE:
                    self._write(f"vramcast: {activity}, {seconds} s\n")
                    self.spoken = now


_progress = _Progress()
remarks = []  # sentences for the answer


def remark(sentence):
    if sentence not in remarks:
        remarks.append(sentence)


note = _progress.note
doing = _progress.doing
start = _progress.start


def tell_compiles(after_import):
    """Which graph torch.compile is at, and which of its kernels."""
    graphs = [0]

    def graph_begins(*_):
        graphs[0] += 1
        note(f"compiling graph {graphs[0]}")
        doing(f"compiling graph {graphs[0]}")

    def graph_ends(*_):
        doing("running")

    def watch_graphs(module):
        handler = getattr(sys.modules.get("torch._dynamo.callback"), "callback_handler", None)
        if handler is not None:
            handler.register_start_callback(graph_begins)
            handler.register_end_callback(graph_ends)

    class Bar:
        """Stands in for the progress bar of Inductor's compile workers."""

        def __init__(self, *_, total=0, **__):
            self.total, self.done = total, 0

        def update(self, count=1):
            self.done += count
            doing(f"compiling graph {graphs[0]}, kernel {self.done} of {self.total}")

        def set_postfix_str(self, *_, **__):
            pass

        def close(self):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def watch_kernels(module):
        if hasattr(module, "tqdm"):
            module.tqdm = Bar

    after_import("torch._dynamo", watch_graphs)
    after_import("torch._inductor.async_compile", watch_kernels)
