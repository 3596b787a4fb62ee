"""Runs again, as dry runs, what people ran on real GPUs, and compares the peaks.

usage: dryrun_reruns.py [--python PYTHON] [--only ID,…] [--table] VRAMCAST RESULTS

NANOCHAT_DIR names a clone of nanochat with its history (bare or not), VRAMCAST_DATA the folder of
measured-runs (default: ../shared beside the checkout). RESULTS is a file of JSON lines: a run that
is in it is not run again, so that the work can be interrupted, and records of the same code,
command and card share one; --table prints all of it. Small models come first. What cannot be had
is left out: CORE's data, checkpoints to resume from."""

import argparse
import json
import os
import re
import subprocess
import sys

from dryruns import Checkouts, DryRuns, Results, difference, nanochat_repository, work_folder

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = 3600  # for one run
PARTS = re.compile("(gpt|adamw|muon|optim|flash_attention|fp8|dataloader|common|loss_eval|"
                   "configurator|base_train)\\.py$")


def records(data):
    with open(os.path.join(data, "measured-runs", "nanochat.jsonl")) as file:
        return [json.loads(line) for line in file]


def why_not(record):
    """Why a record cannot be run again; None if it can."""
    if record["kind"].startswith("torch.npu") or record["kind"].startswith("unspecified peak"):
        return "not an NVIDIA card"
    if record["kind"] != "max_memory_allocated":
        return f"no peak of PyTorch's: {record['kind']}"
    if not record["value_mib"] or not record["depth"] or not record["device_batch_size"]:
        return "the peak, the depth or the batch is not told"
    if record["stage"] != "base":
        return "goes on from a checkpoint, or is no run of nanochat's own script"
    if not record["in_scope"]:
        return "goes on from a checkpoint"
    if record["tier"] == "C":
        return "a fork whose code is not known"
    return None


def size(record):
    return record["depth"]**2 * record["device_batch_size"] * record["max_seq_len"]


def code(checkouts, commit):
    """Names what training is made of; commits that change only the rest share it."""
    listed = subprocess.run(checkouts.git + ["ls-tree", commit, "nanochat/",
                                             "scripts/base_train.py"], check=True,
                            capture_output=True, text=True).stdout
    return [line.split()[2][:10] for line in listed.splitlines() if PARTS.search(line)]


def printed(record, flag):
    """The value of a flag in the command that a report quotes."""
    told = re.search(rf"--{flag.replace('_', '[-_]')}=(\d+)", record["verbatim"] or "")
    return int(told.group(1)) if told else None


def short_iterations(record):
    """A run of a few steps may end before the peak of later ones; longer ones need no number."""
    steps = printed(record, "num_iterations")
    return steps if steps is not None and steps <= 6 else None


def by_torchrun(record):
    return (record["world_size"] > 1 or record["launcher"] == "torchrun"
            or record["launcher"] is None and "torchrun" in (record["verbatim"] or ""))


def command_of(record, checkout):
    """The launch command, in the spelling of that revision."""
    with open(os.path.join(checkout, "scripts", "base_train.py")) as file:
        script = file.read()
    # Until January 2026 a configurator took assignments; for some weeks argparse had underscores.
    dashes = '"--device-batch-size"' in script
    argparse = '"--device' in script
    words = []

    def add(name, value):
        if value is None:
            return
        spelling = name if dashes else name.replace("-", "_")
        known = f'"--{spelling}"' in script if argparse else f"\n{spelling} =" in script
        if known:
            words.append(f"--{spelling}={value}")

    tokens = record["device_batch_size"] * record["max_seq_len"] * record["world_size"]
    add("depth", record["depth"])
    add("max-seq-len", record["max_seq_len"])
    add("device-batch-size", record["device_batch_size"])
    add("total-batch-size", record["total_batch_size"] or printed(record, "total_batch_size"))
    add("window-pattern", record["window_pattern"])
    add("head-dim", record["head_dim"])
    add("num-iterations", short_iterations(record))
    if record["model_dim"] and record["model_dim"] != 64 * record["depth"]:
        add("aspect-ratio", record["model_dim"] // record["depth"])
    if record["fp8"] and '"--fp8"' in script:
        words.append("--fp8")
    # Evaluations before the first step and after the second, as short as they can be.
    add("eval-every", 2)
    add("eval-tokens", tokens)
    for name in ("core-metric-every", "sample-every"):  # some revisions know no "never"
        never = f"{name.replace('-', '_')} > 0" in script
        add(name, -1 if never else 10**9)
    if not by_torchrun(record):
        return ["python", "-m", "scripts.base_train"] + words
    return (["torchrun", "--standalone", f"--nproc_per_node={record['world_size']}", "-m",
             "scripts.base_train", "--"] + words)


def card_of(record):
    return record["gpu_name"] or "NVIDIA H100 80GB HBM3"


def key_of(record, command, parts):
    return " ".join([*parts, card_of(record), str(record["vocab_size"]), *command])


def table(results, records):
    print("| run | tier | code | card | measured, MiB | dry run, MiB | difference |")
    print("|---|---|---|---|---|---|---|")
    reasons = {}
    for record in sorted(records, key=lambda r: r["id"]):
        reason, result = why_not(record), results.get(record["id"])
        if reason is None and result is None:
            reason = "not run yet"
        if reason is None and ("mib" not in result or result["exit_code"] and not result["oom"]):
            reason = f"the dry run ended with exit code {result['exit_code']}"
        if reason is not None:
            reasons.setdefault(reason, []).append(record["id"])
            continue
        ranks = f", {record['world_size']} ranks" if record["world_size"] > 1 else ""
        shape = f"d{record['depth']}, {record['device_batch_size']} × {record['max_seq_len']}"
        fp8 = ", fp8" if record["fp8"] else ""
        peak = "out of memory" if result["oom"] else f"{result['mib']:,.2f}"
        error = (result["mib"] / record["value_mib"] - 1) * 100
        percent = "" if result["oom"] else f"{error:+.3f} %"
        print(f"| {record['id']}: {shape}{ranks}{fp8} | {record['tier']} | {record['revision']} | "
              f"{record['gpu_name'] or 'not told'} | {record['value_mib']:,.2f} | {peak} | "
              f"{percent} |")
    print("\nNot run again:\n")
    for reason, names in sorted(reasons.items()):
        print(f"- {reason}: {', '.join(names)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vramcast")
    parser.add_argument("results")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    data = os.environ.get("VRAMCAST_DATA", os.path.join(HERE, "..", "..", "shared"))
    everything = records(data)
    known = {r["id"]: r for r in everything if why_not(r) is None}
    results = Results(options.results)
    if options.table:
        return table(results.known, everything)
    work = work_folder()
    checkouts = Checkouts(nanochat_repository(), work)
    runs = DryRuns(options.vramcast, options.python, work)
    wanted = [name for name in options.only.split(",") if name in known]
    order = [known[name] for name in wanted] or sorted(known.values(), key=size)
    for record in order:
        if record["id"] in results.known:
            continue
        checkout = checkouts.get(record["revision"])
        command = command_of(record, checkout)
        key = key_of(record, command, code(checkouts, checkouts.commit(record["revision"])))
        same = [r for r in results.known.values() if r.get("key") == key]
        made = same[0] if same else runs.run(
            card_of(record), command, "--no-record", cwd=checkout, seconds=SECONDS,
            NANOCHAT_BASE_DIR=runs.data(record["vocab_size"] or 32768))
        results.add({**made, "name": record["id"], "key": key, "command": " ".join(command)})
        text = made.get("error", "?")[-300:]
        if "mib" in made:
            text = f"{made['mib']:.2f} MiB {difference(record['value_mib'], made['mib'])}"
        print(f"{record['id']}: measured {record['value_mib']:.2f}, dry run {text}, "
              f"{made.get('seconds')} s", flush=True)


if __name__ == "__main__":
    main()
