"""What a command costs, a process of its own."""

import os
import subprocess
import sys
import time
from typing import NamedTuple


class Timed(NamedTuple):
    wall: float  # seconds
    processor: float  # seconds, user and system
    peak: int  # resident bytes
    output: str


def timed(command, environment=None, stderr=None):
    """Of a command that answers yes or no."""
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True,
                               env={**os.environ, **(environment or {})})
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with code {process.returncode}")
    wall = time.perf_counter() - before
    return Timed(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output)
