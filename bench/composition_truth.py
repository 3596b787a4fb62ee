#!/usr/bin/env python3
"""What the peak of each recorded run was made of, by DESIGN's categories, read off its trace alone:
Python stacks, sizes and lifetimes. Nothing of the forecast is used. One JSON object a run:
{"id": ..., "peak_bytes": ..., "same_run": ..., "categories": {...}}.

    composition_truth.py DATA/emulated > truth.jsonl
"""
import collections
import json
import os
import pickle
import subprocess
import sys

MIB = 1 << 20
WORKSPACES = {33554432, 8519680}  # cuBLAS: one a handle and stream
VARYING = [1024, 763, 1287, 515, 1525, 896, 1706]
OPTIMIZER_FILES = ("optim.py", "muon.py", "adamw.py")


def load(path):
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout
        return pickle.loads(data)
    with open(path, "rb") as file:
        return pickle.load(file)


def divisions(record):
    """Of roundup_power2_divisions, one number for all sizes; 0 where it is not set."""
    value = record.get("alloc_conf", "").partition("roundup_power2_divisions:")[2].split(",")[0]
    return int(value) if value.isdigit() else 0


def block(size, parts=0):
    """What an allocation takes of its pool, a block that could not be split apart (c10/core/
    AllocatorConfig's roundup_power2_divisions)."""
    if parts > 1 and size > 512 * parts:
        step = max((1 << (size.bit_length() - 1)) // parts, 1)
        return (size + step - 1) // step * step
    return (max(size, 1) + 511) // 512 * 512


class Allocation:
    __slots__ = ("index", "size", "frames", "end")

    def __init__(self, index, size, frames):
        self.index, self.size, self.end = index, size, None
        self.frames = [(f["filename"], f["line"], f["name"]) for f in frames]

    def has(self, file=None, name=None):
        return any((file is None or f.endswith(file)) and (name is None or n == name)
                   for f, _, n in self.frames)

    @property
    def optimizer(self):
        return any("/optim/" in f or "/optimization" in f
                   or (f.startswith("nanochat/") and f.endswith(OPTIMIZER_FILES))
                   for f, _, _ in self.frames)

    @property
    def forward(self):
        """Called by the program's own thread: autograd's has no script at the end of its stack."""
        return any(n == "<module>" or f.startswith(("scripts/", "nanochat/scripts"))
                   for f, _, n in self.frames[-3:])


def read(trace, parts):
    """All allocations, and the index of the event that makes the peak."""
    live, every = {}, []
    current, peak, at = 0, -1, 0
    for index, event in enumerate(trace):
        if event["action"] == "alloc":
            allocation = Allocation(index, event["size"], event["frames"])
            live[event["addr"]] = allocation
            every.append(allocation)
            current += block(allocation.size, parts)
            if current > peak:
                peak, at = current, index
        elif event["action"] == "free_requested" and event["addr"] in live:
            allocation = live.pop(event["addr"])
            allocation.end = index
            current -= block(allocation.size, parts)
    return every, peak, at


class Classifier:
    def __init__(self, every, record):
        batch = record.get("device_batch_size") or record.get("batch")
        length = record.get("max_seq_len") or record.get("seq")
        vocabulary = record.get("vocab_size") or record["config"]["vocab_size"]
        padded = (vocabulary + 63) // 64 * 64
        # The program of this group changes the length from step to step.
        lengths = VARYING if record.get("group") == "vary" else [length]
        self.logits = {batch * t * v * e for n in lengths for t in (n, n - 1)
                       for v in (vocabulary, padded)
                       for e in ((1, 2, 4) if record.get("fp8") else (2, 4))}
        self.activations = set()
        width = record.get("model_dim") or record["config"].get("hidden_size") \
            or record["config"].get("n_embd")
        for share in (0.5, 1, 2, 4):
            self.activations.update(int(batch * n * width * e * share)
                                    for n in lengths for e in (1, 2, 4))
        self.steps = self._steps(every)
        self.weights = collections.Counter()
        first = self.steps[0][0] if self.steps else len(every)
        for a in every:
            if a.index < first and self.built(a) and a.end is None:
                self.weights[a.size] += 1

    @staticmethod
    def _steps(every):
        """Spans of events of each optimizer step, by what its files allocate."""
        spans, last = [], None
        for a in every:
            if not a.optimizer:
                last = None if a.forward and not a.optimizer else last
                continue
            if last is None:
                spans.append([a.index, a.index])
            spans[-1][1] = last = a.index
        return spans

    @staticmethod
    def built(a):
        return a.has(name="_apply") or a.has(name="init_weights") or a.has(name="__init__") \
            or a.has(name="load_state_dict") or a.has(name="load_model")

    def weight_sized(self, size):
        return any(size in (w, w // 2, w * 2) for w in self.weights)

    def of_optimizer(self, a):
        if a.has(file="distributed_c10d.py"):
            return "communication"
        index = next((i for i, (begin, end) in enumerate(self.steps) if begin <= a.index <= end), 0)
        end = self.steps[index][1]
        if a.end is None:
            return "optimizer" if index == 0 else "communication"
        # Left behind by the step, yet not kept: handed to collectives.
        return "communication" if a.end > end + 1 and self.next_pass(a.end, index) else "optimizer"

    def next_pass(self, end, index):
        return index + 1 >= len(self.steps) or end >= self.first_forward.get(index, end)

    def prepare(self, every):
        """The first event of the forward pass after each optimizer step."""
        self.first_forward = {}
        for i, (_, end) in enumerate(self.steps):
            for a in every:
                if a.index > end and a.forward and not a.optimizer:
                    self.first_forward[i] = a.index
                    break

    def category(self, a):
        if a.optimizer:
            return self.of_optimizer(a)
        if a.has(file="distributed_c10d.py"):
            return "communication"
        if a.size in WORKSPACES and a.end is None and not self.built(a):
            return "workspace"
        step = next((begin for begin, _ in self.steps if begin > a.index), None)
        kept = a.end is None or (step is not None and a.end > step)
        if a.size in self.logits and not self.built(a):
            # A head's gradient may have the size of logits, but it is kept for the optimizer.
            head = not a.forward and kept and self.weight_sized(a.size)
            return "gradients" if head else "logits"
        if a.has(file="dataloader.py") or a.has(name="next_batch"):
            return "other"
        if a.forward:
            if self.built(a) and not a.has(name="forward"):
                return "parameters"
            return "activations" if a.has(name="forward") or a.has(name="fwd") else "other"
        # The rest is autograd's: gradients of weights are kept for the optimizer or have their size.
        if a.size <= 512:
            return "other"
        if self.weight_sized(a.size) and (kept or a.size not in self.activations):
            return "gradients"
        return "activations"


def composition(record, folder):
    snapshot = load(os.path.join(folder, record["trace"]))
    trace = max(snapshot["device_traces"], key=len)
    parts = divisions(record)
    every, peak, at = read(trace, parts)
    classifier = Classifier(every, record)
    classifier.prepare(every)
    sums = collections.Counter()
    detail = collections.Counter()
    for a in every:
        if a.index <= at and (a.end is None or a.end > at):
            category = classifier.category(a)
            sums[category] += block(a.size, parts)
            innermost = next((f"{f.split('/')[-1]}:{n}" for f, _, n in a.frames
                              if f.endswith(".py") and n != "call"), "-")
            detail[category, innermost, a.size] += 1
    return peak, dict(sums), detail


def main():
    folder = sys.argv[1]
    wanted = set(sys.argv[2:])
    with open(os.path.join(folder, "index.jsonl")) as index:
        records = [json.loads(line) for line in index]
    for record in records:
        if not record.get("trace") or (wanted and record["id"] not in wanted):
            continue
        peak, sums, detail = composition(record, folder)
        # Of several runs one trace is stored, which may have held other staging tensors.
        same = record.get("trace_peak_mib", record["value_mib"]) == record["value_mib"]
        print(json.dumps({"id": record["id"], "peak_bytes": peak, "same_run": same,
                          "categories": sums}), flush=True)
        if wanted:
            for (category, frame, size), count in sorted(detail.items(),
                                                         key=lambda e: -e[0][2] * e[1])[:40]:
                print(f"    {category:14} {count:4} x {size / MIB:9.2f} MiB {frame}",
                      file=sys.stderr)


if __name__ == "__main__":
    main()
