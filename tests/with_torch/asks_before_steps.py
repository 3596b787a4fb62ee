"""An optimizer that gathers, as nanochat's do, in a loop that may ask all ranks before each step
whether the data have ended.

usage: asks_before_steps.py [--ask]"""

import sys

import torch
import torch.distributed as dist

PART = 16 << 20  # numbers


class Gatherer(torch.optim.Optimizer):

    def step(self):
        part = torch.empty(PART, device="cuda")
        whole = torch.empty(dist.get_world_size() * PART, device="cuda")
        # Waiting on the future does not let go of what the process group holds.
        dist.all_gather_into_tensor(whole, part, async_op=True).get_future().wait()


def main():
    dist.init_process_group("nccl")
    weight = torch.nn.Parameter(torch.zeros(1024, device="cuda"))
    optimizer = Gatherer([weight], {})
    for _ in range(6):
        if "--ask" in sys.argv:
            ended = torch.tensor(False, dtype=torch.int32, device="cuda")
            dist.all_reduce(ended, op=dist.ReduceOp.MAX)
            ended.item()
        hidden = weight
        for _ in range(100):
            hidden = hidden + 1
        activation = torch.empty(64 << 20, device="cuda")
        hidden.sum().backward()
        del hidden, activation
        optimizer.step()
        torch.cuda.synchronize()
    dist.destroy_process_group()


main()
