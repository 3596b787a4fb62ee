"""A small GPT to train on the counting device: every size is a multiple of 512 bytes and below or
above the allocator's limits on purpose, so that its memory can be worked out by hand."""

import argparse
import os

import torch
import torch.nn.functional as F

VOCABULARY, WIDTH, LAYERS, STEPS = 16384, 512, 4, 6
SEQUENCE, BATCH = 512, 8


class Block(torch.nn.Module):

    def __init__(self):
        super().__init__()
        self.up = torch.nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = torch.nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        return x + self.down(F.relu(self.up(x)))


class Gpt(torch.nn.Module):

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = torch.nn.Sequential(*[Block() for _ in range(LAYERS)])
        self.head = torch.nn.Linear(WIDTH, VOCABULARY, bias=False)

    def forward(self, tokens, targets):
        return F.cross_entropy(self.head(self.blocks(self.embedding(tokens))), targets)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--batch-size", type=int, default=BATCH)
    arguments.add_argument("what", nargs="*")
    arguments = arguments.parse_args()
    if "RANK" in os.environ:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    model = Gpt().cuda()
    if "RANK" in os.environ:
        torch.distributed.init_process_group("nccl")
        model = torch.nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)
    run = torch.compile(model) if "compile" in arguments.what else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    tokens = torch.zeros(arguments.batch_size * SEQUENCE, dtype=torch.int64, device="cuda")
    for step in range(STEPS):
        loss = run(tokens, tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        print(f"step {step}: loss {loss.item():.3f}", flush=True)
        del loss
    print(f"peak {torch.cuda.max_memory_allocated()}", flush=True)
    if "fails" in arguments.what:
        raise SystemExit(7)


main()
