"""One process stands for rank R of N: torch.distributed gets a store inside this process, nobody
waits for other ranks, and NCCL is the device's."""

import os


def prepare(after_import):
    if int(os.environ.get("WORLD_SIZE", "1")) >= 1 and "RANK" in os.environ:
        after_import("torch.distributed.distributed_c10d", _patch)


def _make_store():
    from torch._C._distributed_c10d import Store

    class OneRankStore(Store):
        """Has an answer for every key, since nobody else will ever set one."""

        def __init__(self):
            super().__init__()
            self.values = {}

        def set(self, key, value):
            self.values[key] = value.encode() if isinstance(value, str) else bytes(value)

        def get(self, key):
            return self.values.get(key, b"\x01" * 128)

        def add(self, key, amount):
            total = int(self.values.get(key, b"0")) + amount
            self.values[key] = str(total).encode()
            return total

        def check(self, keys):
            return all(key in self.values for key in keys)

        def wait(self, keys, timeout=None):
            return None

        def compare_set(self, key, expected, desired):
            self.values[key] = desired.encode() if isinstance(desired, str) else bytes(desired)
            return self.values[key]

        def delete_key(self, key):
            return self.values.pop(key, None) is not None

        def num_keys(self):
            return len(self.values)

        def set_timeout(self, timeout):
            return None

        def has_extended_api(self):
            return False

    return OneRankStore()


def _patch(c10d):
    init, destroy, broadcast = (
        c10d.init_process_group,
        c10d.destroy_process_group,
        c10d.broadcast_object_list,
    )
    kept = []

    def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1,
                           store=None, group_name="", pg_options=None, device_id=None, **more):
        import torch

        world = int(os.environ["WORLD_SIZE"])
        number = int(os.environ["RANK"])
        # NCCL's monitor would ask the store, which is Python, when Python may have ended already.
        os.environ["TORCH_NCCL_DUMP_ON_TIMEOUT"] = "0"
        store = _make_store()
        kept.append(store)
        if backend is not None and world > 1:
            backend = _without_gloo(str(backend))
        elif backend is None and world > 1:
            backend = _without_gloo("cpu:gloo,cuda:nccl")
        arguments = dict(backend=backend, world_size=world, rank=number, store=store,
                         group_name=group_name, pg_options=pg_options, **more)
        if timeout is not None:
            arguments["timeout"] = timeout
        if device_id is not None:
            if isinstance(device_id, int):
                device_id = torch.device("cuda", device_id)
            arguments["device_id"] = device_id
        return init(**arguments)

    def _without_gloo(backend):
        if "gloo" not in backend:
            return backend
        import torch.testing._internal.distributed.fake_pg  # registers the backend

        return backend.replace("gloo", "fake")

    def destroy_process_group(*arguments, **more):
        import vramcast_dryrun

        vramcast_dryrun.device().vramcast_device_release()
        return destroy(*arguments, **more)

    def broadcast_object_list(object_list, src=0, *arguments, **more):
        if int(os.environ["RANK"]) != (src or 0):
            return None  # what the sender has cannot be known: the list stays as it is
        return broadcast(object_list, src, *arguments, **more)

    c10d.init_process_group = init_process_group
    c10d.destroy_process_group = destroy_process_group
    c10d.broadcast_object_list = broadcast_object_list
    c10d._store_based_barrier = lambda *arguments, **more: None
