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
import tarfile
import time

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


class Checkouts:
    """The commits that records name, unpacked side by side."""

    def __init__(self, repository, folder):
        self.git = ["git", "-C", repository]
        self.folder = folder

    def commit(self, revision):
        if len(revision) == 10 and revision[4] == "-":  # the last commit of a day
            words = ["log", "-1", "--format=%H", f"--until={revision}T23:59:59Z"]
        else:
            words = ["rev-parse", "--verify", revision + "^{commit}"]
        return subprocess.run(self.git + words, check=True, capture_output=True,
                              text=True).stdout.strip()

    def code(self, commit):
        """Names what training is made of; commits that change only the rest share it."""
        listed = subprocess.run(self.git + ["ls-tree", commit, "nanochat/",
                                            "scripts/base_train.py"], check=True,
                                capture_output=True, text=True).stdout
        return [line.split()[2][:10] for line in listed.splitlines() if PARTS.search(line)]

    def get(self, revision):
        commit = self.commit(revision)
        path = os.path.join(self.folder, commit[:7])
        if not os.path.exists(path):
            part = f"{path}.{os.getpid()}"
            os.makedirs(part)
            archive = subprocess.Popen(self.git + ["archive", commit], stdout=subprocess.PIPE)
            with tarfile.open(fileobj=archive.stdout, mode="r|") as files:
                files.extractall(part)
            archive.wait()
            os.rename(part, path)
        return path, self.code(commit)


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


class Runner:

    def __init__(self, vramcast, python, work):
        self.vramcast, self.work = os.path.abspath(vramcast), work
        self.bin = os.path.dirname(os.path.abspath(python))
        self.environment = {**os.environ, "PATH": self.bin + ":" + os.environ["PATH"]}

    def data(self, vocabulary):
        folder = os.path.join(self.work, f"data-{vocabulary}")
        if not os.path.exists(folder):
            part = f"{folder}.{os.getpid()}"
            subprocess.run([self.vramcast, "dryrun", "--sample-data", part, "--vocab-size",
                            str(vocabulary), "--", "python", "-c", ""], check=True,
                           env=self.environment)
            os.rename(part, folder)
        return folder

    def run(self, record, checkout, command):
        words = [self.vramcast, "dryrun", "--json", "--no-record", "--gpu", card_of(record), "--",
                 *command]
        environment = {**self.environment,
                       "NANOCHAT_BASE_DIR": self.data(record["vocab_size"] or 32768)}
        started = time.time()
        done = subprocess.run(words, cwd=checkout, env=environment, capture_output=True,
                              text=True, timeout=SECONDS)
        result = {"id": record["id"], "command": " ".join(command), "exit_code": done.returncode,
                  "seconds": round(time.time() - started)}
        if done.stdout:
            answer = json.loads(done.stdout)
            rank = answer["ranks"][0]
            result["mib"] = rank["peak_allocated_bytes"] / 2**20
            result["phase"] = max(answer["phases"],
                                  key=lambda phase: phase["peak_allocated_bytes"])["name"]
            result["oom"] = rank["oom"] is not None
            result["steps"] = [s / 2**20 for s in rank["step_peak_allocated_bytes"]]
        if done.returncode and not result.get("oom"):
            result["error"] = done.stderr[-1500:]
        return result


def key_of(record, command, code):
    return " ".join([*code, card_of(record), str(record["vocab_size"]), *command])


def difference(result, record):
    return (result["mib"] / record["value_mib"] - 1) * 100


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
        percent = "" if result["oom"] else f"{difference(result, record):+.3f} %"
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
    results = {}
    if os.path.exists(options.results):
        with open(options.results) as file:
            results = {r["id"]: r for r in map(json.loads, file)}
    if options.table:
        return table(results, everything)
    repository = os.environ.get("NANOCHAT_DIR")
    if not repository:
        sys.exit("NANOCHAT_DIR names no clone of nanochat")
    work = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                        "vramcast", "reruns")
    os.makedirs(work, exist_ok=True)
    checkouts = Checkouts(repository, work)
    runner = Runner(options.vramcast, options.python, work)
    wanted = [name for name in options.only.split(",") if name in known]
    order = [known[name] for name in wanted] or sorted(known.values(), key=size)
    for record in order:
        if record["id"] in results:
            continue
        checkout, code = checkouts.get(record["revision"])
        command = command_of(record, checkout)
        key = key_of(record, command, code)
        same = [r for r in results.values() if r.get("key") == key]
        if same:
            result = {**same[0], "id": record["id"]}
        else:
            try:
                result = runner.run(record, checkout, command)
            except subprocess.TimeoutExpired:
                result = {"id": record["id"], "exit_code": -1, "error": "took too long"}
        result["key"] = key
        results[record["id"]] = result
        text = f"{result['mib']:.2f} MiB" if "mib" in result else result.get("error", "?")[-300:]
        percent = f" {difference(result, record):+.3f} %" if "mib" in result else ""
        print(f"{record['id']}: measured {record['value_mib']:.2f}, dry run {text}{percent}, "
              f"{result.get('seconds')} s", flush=True)
        with open(options.results, "a") as file:
            file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
