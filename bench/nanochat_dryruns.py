"""Compares forecasts of nanochat with dry runs of the real thing, on shapes, revisions, stages and
numbers of ranks that no recorded run has. Later stages go on from a checkpoint that a dry run of the
base training leaves, with made_up_tasks.py in place of their data.

usage: nanochat_dryruns.py [--python PYTHON] [--only NAME,…] [--table] VRAMCAST RESULTS

NANOCHAT_DIR names a clone of nanochat with its history (bare or not). RESULTS is a file of JSON
lines: a run that is in it is not made again, so that the work can be interrupted; its forecast is.
--table prints all of it as the table of docs/accuracy.md."""

import hashlib
import json
import os
import subprocess
import sys

from dryruns import (Checkouts, DryRuns, compare, comparison_options, difference,
                     nanochat_repository, usable, work_folder)

H100, A100, A40, T4 = "NVIDIA H100 80GB HBM3", "A100-80GB", "NVIDIA A40", "Tesla T4"
QUIET = {"eval-every": -1, "core-metric-every": -1, "sample-every": -1, "eval-tokens": 65536}
# Before -1 meant never.
QUIET_OCTOBER = {"eval-every": 10**9, "core-metric-every": 10**9, "sample-every": 10**9}
# Later stages: not to evaluate, to save or to sample beside what the stage itself does.
QUIET_LATER = {"eval-every": 10**9, "chatcore-every": -1, "eval-metrics-every": 10**9,
               "save-every": 10**9, "eval-tokens": 8192, "eval-examples": 2}


def spelt_with_dashes(flags):
    return {name.replace("_", "-"): value for name, value in flags.items()}


def run(revision, gpu=H100, vocabulary=32768, world=1, module="scripts.base_train", after=None,
        **flags):
    """`after`: the flags of the base training whose checkpoint the stage goes on from."""
    wanted = {"revision": revision, "gpu": gpu, "vocabulary": vocabulary, "world": world,
              "module": module, "flags": spelt_with_dashes(flags)}
    return wanted if after is None else {**wanted, "after": spelt_with_dashes(after)}


def later(revision, stage, depth=4, length=512, base=None, **flags):
    """A stage after a base training of 2 x `length` tokens."""
    after = {"depth": depth, "max_seq_len": length, "device_batch_size": 2,
             "total_batch_size": 2 * length * flags.get("world", 1), **(base or {})}
    return run(revision, module=f"scripts.{stage}", after=after, **flags)


RUNS = {
    "5 layers, width 240 as 4 heads of 64, windows SL, 3 x 512": run(
        "92d63d4", depth=5, aspect_ratio=48, head_dim=64, window_pattern="SL",
        device_batch_size=3, max_seq_len=512, total_batch_size=3072),
    "4 layers, 3 heads of 96, vocabulary 100,000, 1 x 4,096": run(
        "92d63d4", A40, 100000, depth=4, aspect_ratio=72, head_dim=96, device_batch_size=1,
        max_seq_len=4096, total_batch_size=8192),
    "6 layers, 2 x 1,024, 2 ranks": run(
        "92d63d4", world=2, depth=6, device_batch_size=2, max_seq_len=1024,
        total_batch_size=8192),
    "4 layers, 1 x 512, 16 ranks": run(
        "92d63d4", world=16, depth=4, device_batch_size=1, max_seq_len=512,
        total_batch_size=8192),
    "6 layers, fp8, 4 x 512": run(
        "92d63d4", depth=6, fp8=True, device_batch_size=4, max_seq_len=512,
        total_batch_size=4096),
    "3 layers, width 384, fp8, vocabulary 50,257, 2 x 512": run(
        "92d63d4", H100, 50257, depth=3, aspect_ratio=128, fp8=True, device_batch_size=2,
        max_seq_len=512, total_batch_size=2048),
    "4 layers, fp32 on a T4, 2 x 512": run(
        "92d63d4", T4, depth=4, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "March 2026, 6 layers, 2 x 1,024": run(
        "83dccc2", A100, depth=6, device_batch_size=2, max_seq_len=1024, total_batch_size=4096),
    "March 2026, smear, 4 layers, 2 x 512, 2 ranks": run(
        "a825e63", world=2, depth=4, device_batch_size=2, max_seq_len=512, total_batch_size=4096),
    "February 2026, own fp8, 6 layers, 2 x 512": run(
        "e569b59", depth=6, fp8=True, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "January 2026, MuonAdamW, 6 layers, 2 x 512": run(
        "41bb2ea", depth=6, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "January 2026, bigrams, 6 layers, 2 x 512": run(
        "c88bbf8", depth=6, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "January 2026, value embeddings, 6 layers, 2 x 512": run(
        "a91743c", depth=6, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "January 2026, stacked Muon, 6 layers, 2 x 512, 4 ranks": run(
        "22a71aa", world=4, depth=6, device_batch_size=2, max_seq_len=512, total_batch_size=4096),
    "January 2026, residual lambdas, 6 layers, 2 x 512": run(
        "aa530cd", depth=6, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "January 2026, NorMuon, 5 layers, 3 x 512, 2 ranks": run(
        "2c4473d", world=2, depth=5, device_batch_size=3, max_seq_len=512, total_batch_size=3072),
    "December 2025, vocabulary 50,257, 4 layers, 2 x 512": run(
        "bc51da8", H100, 50257, depth=4, device_batch_size=2, max_seq_len=512,
        total_batch_size=2048),
    "October 2025, 4 layers, 1 x 512, 2 ranks": run(
        "4346536", world=2, depth=4, device_batch_size=1, max_seq_len=512, total_batch_size=2048),
    "October 2025, the first, 4 layers, 2 x 512, one process": run(
        "3a5e0bc", A40, depth=4, device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "fine-tuning, 4 layers, 2 x 512": later(
        "92d63d4", "chat_sft", device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "fine-tuning, 6 layers, 3 x 700, an A40": later(
        "92d63d4", "chat_sft", depth=6, length=700, gpu=A40, device_batch_size=3, max_seq_len=700,
        total_batch_size=2100),
    "fine-tuning, 4 layers, 2 x 512, 2 ranks": later(
        "92d63d4", "chat_sft", world=2, device_batch_size=2, max_seq_len=512,
        total_batch_size=4096),
    "RL, 4 layers, 8 completions at once": later(
        "92d63d4", "chat_rl", device_batch_size=8, num_samples=16, max_new_tokens=64,
        examples_per_step=2),
    "March 2026, fine-tuning, 5 layers, 4 x 512": later(
        "83dccc2", "chat_sft", depth=5, device_batch_size=4, max_seq_len=512,
        total_batch_size=2048),
    "March 2026, RL, 4 layers": later(
        "83dccc2", "chat_rl", device_batch_size=4, num_samples=8, max_new_tokens=100,
        examples_per_step=2),
    "January 2026, mid-training, 4 layers, 2 x 512": later(
        "22a71aa", "mid_train", device_batch_size=2, max_seq_len=512, total_batch_size=2048),
    "October 2025, mid-training, 4 layers, 3 x 512": later(
        "4346536", "mid_train", device_batch_size=3, max_seq_len=512, total_batch_size=3072),
    "October 2025, mid-training, 4 layers, 2 x 512, 4 ranks": later(
        "4346536", "mid_train", world=4, device_batch_size=2, max_seq_len=512,
        total_batch_size=8192),
    "October 2025, fine-tuning, 4 layers, 4 rows": later(
        "4346536", "chat_sft", source="base", device_batch_size=4, target_examples_per_step=8),
    "October 2025, RL, 4 layers": later(
        "4346536", "chat_rl", source="base", device_batch_size=4, num_samples=8,
        max_new_tokens=100, examples_per_step=2),
}


def command_of(wanted, checkout):
    with open(os.path.join(checkout, *wanted["module"].split(".")) + ".py") as file:
        script = file.read()
    dashes, argparse_used = '"--device-batch-size"' in script, "argparse" in script
    quiet = dict(QUIET if argparse_used else QUIET_OCTOBER)
    if "after" in wanted:
        quiet = dict(QUIET_LATER)
    if not argparse_used and "total-batch-size" in wanted["flags"]:
        quiet["eval-tokens"] = wanted["flags"]["total-batch-size"]
    words = []
    for name, value in {**quiet, **wanted["flags"]}.items():
        spelt = name if dashes else name.replace("-", "_")
        known = f'"--{spelt}"' in script if argparse_used else f"\n{spelt} =" in script
        if not known:
            if name in wanted["flags"]:
                sys.exit(f"{wanted['revision']} has no --{spelt}")
            continue
        words.append(f"--{spelt}" if value is True else f"--{spelt}={value}")
    if wanted["world"] == 1:
        return ["python", "-m", wanted["module"]] + words
    return ["torchrun", "--standalone", f"--nproc_per_node={wanted['world']}", "-m",
            wanted["module"], "--"] + words


# What the forecast cannot read off a later stage's command: the checkpoint's shape.
SHAPE = ("depth", "aspect-ratio", "head-dim", "window-pattern")


def forecast(vramcast, wanted, command):
    shape = [f"--{name}={value}" for name, value in wanted.get("after", {}).items()
             if name in SHAPE and name not in wanted["flags"]]
    words = [vramcast, "forecast", "--json", "--no-calibration", "--gpu", wanted["gpu"],
             "--revision", wanted["revision"], "--vocab-size", str(wanted["vocabulary"]), *shape,
             "--", *command]
    done = subprocess.run(words, capture_output=True, text=True)
    if not done.stdout:
        sys.exit(f"{words}\n{done.stderr}")
    answer = json.loads(done.stdout)
    # A dry run ends once its steps repeat themselves: what older scripts do at their end, whatever
    # their flags say, is left out.
    skipped = ("core_metric", "save") if "chat_rl" in wanted["module"] else (
        "core_metric", "sampling", "save")
    peak = max(phase["peak_allocated_bytes"] for phase in answer["phases"]
               if phase["name"] not in skipped)
    whole = answer["peak"]["allocated_bytes"]
    return {"mib": peak / 2**20,
            "low": answer["interval"]["low_bytes"] / 2**20 if peak == whole else 0,
            "high": answer["interval"]["high_bytes"] / 2**20}


class Stages:
    """Base folders with a checkpoint and data for later stages."""

    def __init__(self, runs, work):
        self.runs, self.work = runs, work

    def base(self, wanted, checkout):
        base = {**wanted, "module": "scripts.base_train",
                "flags": {**wanted["after"], "num-iterations": 2}}
        name = hashlib.sha1(json.dumps([base["flags"], base["vocabulary"], base["revision"],
                                        base["world"]]).encode()).hexdigest()[:12]
        folder = os.path.join(self.work, f"after-{name}")
        if not os.path.exists(folder):
            part = f"{folder}.{os.getpid()}"
            os.makedirs(part)
            data = self.runs.data(wanted["vocabulary"])
            for entry in os.listdir(data):
                os.symlink(os.path.join(data, entry), os.path.join(part, entry))
            here = os.path.dirname(os.path.abspath(__file__))
            subprocess.run(["python", os.path.join(here, "made_up_tasks.py"), part], check=True,
                           env=self.runs.environment)
            del base["after"]
            made = self.runs.run(wanted["gpu"], command_of(base, checkout), "--to-end", "--keep",
                                 "--no-record", cwd=checkout, NANOCHAT_BASE_DIR=part)
            if not usable(made):
                sys.exit(f"no checkpoint of {base}: {made.get('error')}")
            for stage in ("mid", "chatsft"):
                os.symlink("base_checkpoints", os.path.join(part, f"{stage}_checkpoints"))
            os.rename(part, folder)
        return folder


def table(rows):
    print("| run | revision | dry run, MiB | forecast, MiB | difference | interval |")
    print("|---|---|---|---|---|---|")
    for name, made, told in rows:
        if usable(made):
            interval = f"{told['low']:,.0f} to {told['high']:,.0f}" if told["low"] else ""
            print(f"| {name} | {made['wanted']['revision']} | {made['mib']:,.2f} | "
                  f"{told['mib']:,.2f} | {difference(made['mib'], told['mib'])} | "
                  f"{interval} |")


def main():
    options = comparison_options()
    work = work_folder()
    checkouts = Checkouts(nanochat_repository(), work)
    runs = DryRuns(options.vramcast, options.python, work)
    stages = Stages(runs, work)

    def dry_run(wanted, flags):
        checkout = checkouts.get(wanted["revision"])
        later_stage = "after" in wanted
        base = stages.base(wanted, checkout) if later_stage else runs.data(wanted["vocabulary"])
        environment = {"NANOCHAT_BASE_DIR": base}
        if later_stage:
            environment["PYTHONPATH"] = os.path.join(base, "modules")
        return runs.run(wanted["gpu"], command_of(wanted, checkout), *flags, cwd=checkout,
                        **environment)

    def told(wanted, _):
        return forecast(runs.vramcast, wanted,
                        command_of(wanted, checkouts.get(wanted["revision"])))

    rows = compare(options, RUNS, "nanochat", dry_run, told,
                   lambda name, wanted: f"{name} ({wanted['revision']})")
    if options.table:
        table(rows)


if __name__ == "__main__":
    main()
