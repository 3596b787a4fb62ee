"""Runs at the start of every Python process of a dry run: before torch is imported, the device's
libraries are loaded under the names of NVIDIA's, so that torch finds them already there."""

import ctypes
import importlib.abc
import importlib.machinery
import os
import sys

_callbacks = {}


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls back once a module has been executed, before its importer goes on."""

    def find_spec(self, name, path=None, target=None):
        callbacks = _callbacks.pop(name, None)
        if callbacks is None:
            return None
        for before, _ in callbacks:
            if before is not None:
                before()
        spec = importlib.util.find_spec(name) if path is None else None
        if spec is None:
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            for _, after in callbacks:
                after(module)

        spec.loader.exec_module = exec_module
        return spec


def after_import(name, after, before=None):
    if name in sys.modules:
        after(sys.modules[name])
    else:
        _callbacks.setdefault(name, []).append((before, after))


def _load_libraries():
    folder = os.environ["VRAMCAST_LIBRARIES"]
    names = sorted(n for n in os.listdir(folder) if ".so" in n and n != "libcuda.so")
    device = "libvramcast_device.so"
    for name in [device] + [n for n in names if n != device]:
        ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)


def _main_program(torch):
    import vramcast_dryrun

    vramcast_dryrun.install(torch, after_import)


def _start():
    sys.meta_path.insert(0, _AfterImport())
    # The first Python process is the program; those that it starts only need the device.
    main = os.environ.pop("VRAMCAST_MAIN", None) is not None
    after_import("torch", _main_program if main else (lambda torch: None), _load_libraries)
    if main:
        import vramcast_progress
        import vramcast_ranks

        vramcast_progress.doing("importing")
        vramcast_progress.start()
        vramcast_ranks.prepare(after_import)


def _next_sitecustomize():
    """The one that this file hides, if the user has one."""
    here = os.path.dirname(os.path.abspath(__file__))
    rest = [p for p in sys.path if os.path.abspath(p or ".") != here]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if "VRAMCAST_LIBRARIES" in os.environ:
    import importlib.util

    _start()
    _next_sitecustomize()
