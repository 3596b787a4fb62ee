"""Compares forecasts of nanochat with dry runs of the real thing, on shapes, revisions and numbers
of ranks that no recorded run has.

usage: nanochat_dryruns.py [--python PYTHON] [--only NAME,…] [--table] VRAMCAST RESULTS

NANOCHAT_DIR names a clone of nanochat with its history (bare or not). RESULTS is a file of JSON
lines: a run that is in it is not made again, so that the work can be interrupted; its forecast is.
--table prints all of it as the table of docs/accuracy.md."""

import argparse
import json
import os
import subprocess
import sys
import time

from dryrun_reruns import Checkouts

H100, A100, A40, T4 = "NVIDIA H100 80GB HBM3", "A100-80GB", "NVIDIA A40", "Tesla T4"
QUIET = {"eval-every": -1, "core-metric-every": -1, "sample-every": -1, "eval-tokens": 65536}
# Before -1 meant never.
QUIET_OCTOBER = {"eval-every": 10**9, "core-metric-every": 10**9, "sample-every": 10**9}


def run(revision, gpu=H100, vocabulary=32768, world=1, module="scripts.base_train", **flags):
    return {"revision": revision, "gpu": gpu, "vocabulary": vocabulary, "world": world,
            "module": module, "flags": {name.replace("_", "-"): v for name, v in flags.items()}}


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
}


def command_of(wanted, checkout):
    with open(os.path.join(checkout, *wanted["module"].split(".")) + ".py") as file:
        script = file.read()
    dashes, argparse_used = '"--device-batch-size"' in script, "argparse" in script
    quiet = dict(QUIET if argparse_used else QUIET_OCTOBER)
    if not argparse_used:
        quiet["eval-tokens"] = wanted["flags"]["total-batch-size"]
    words = []
    for name, value in {**wanted["flags"], **quiet}.items():
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


def forecast(vramcast, wanted, command):
    words = [vramcast, "forecast", "--json", "--no-calibration", "--gpu", wanted["gpu"],
             "--revision", wanted["revision"], "--vocab-size", str(wanted["vocabulary"]), "--",
             *command]
    done = subprocess.run(words, capture_output=True, text=True)
    if not done.stdout:
        sys.exit(done.stderr)
    answer = json.loads(done.stdout)
    # A dry run ends once its steps repeat themselves: what older scripts do at their end, whatever
    # their flags say, is left out.
    peak = max(phase["peak_allocated_bytes"] for phase in answer["phases"]
               if phase["name"] not in ("core_metric", "sampling", "save"))
    whole = answer["peak"]["allocated_bytes"]
    return {"mib": peak / 2**20,
            "low": answer["interval"]["low_bytes"] / 2**20 if peak == whole else 0,
            "high": answer["interval"]["high_bytes"] / 2**20}


class Runner:

    def __init__(self, vramcast, python, work):
        self.vramcast, self.work = vramcast, work
        folder = os.path.dirname(os.path.abspath(python))
        self.environment = {**os.environ, "PATH": folder + ":" + os.environ["PATH"]}

    def data(self, vocabulary):
        folder = os.path.join(self.work, f"data-{vocabulary}")
        if not os.path.exists(folder):
            part = f"{folder}.{os.getpid()}"
            subprocess.run([self.vramcast, "dryrun", "--sample-data", part, "--vocab-size",
                            str(vocabulary), "--", "python", "-c", ""], check=True,
                           env=self.environment)
            os.rename(part, folder)
        return folder

    def run(self, wanted, command, checkout, trace):
        words = [self.vramcast, "dryrun", "--json", "--gpu", wanted["gpu"],
                 *(["--trace", trace] if trace else []), "--", *command]
        started = time.time()
        done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, timeout=3600,
                              env={**self.environment,
                                   "NANOCHAT_BASE_DIR": self.data(wanted["vocabulary"])})
        result = {"exit_code": done.returncode, "seconds": round(time.time() - started)}
        if done.stdout.startswith("{"):
            rank = json.loads(done.stdout)["ranks"][0]
            result["mib"] = rank["peak_allocated_bytes"] / 2**20
            result["phase"] = rank.get("peak_phase")
            result["steps"] = [s / 2**20 for s in rank["step_peak_allocated_bytes"]]
        if done.returncode != 0:
            result["error"] = done.stderr[-1500:]
        return result


def usable(made):
    return made.get("mib") and made["exit_code"] == 0


def table(rows):
    print("| run | revision | dry run, MiB | forecast, MiB | difference | interval |")
    print("|---|---|---|---|---|---|")
    for name, made, told in rows:
        if usable(made):
            interval = f"{told['low']:,.0f} to {told['high']:,.0f}" if told["low"] else ""
            print(f"| {name} | {made['wanted']['revision']} | {made['mib']:,.2f} | "
                  f"{told['mib']:,.2f} | {(told['mib'] / made['mib'] - 1) * 100:+.2f} % | "
                  f"{interval} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("vramcast")
    parser.add_argument("results")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="")
    parser.add_argument("--traces", default="", help="a folder for a trace of each run")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    vramcast = os.path.abspath(options.vramcast)
    repository = os.environ.get("NANOCHAT_DIR")
    if not repository:
        sys.exit("NANOCHAT_DIR names no clone of nanochat")
    work = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                        "vramcast", "reruns")
    os.makedirs(work, exist_ok=True)
    checkouts, runner = Checkouts(repository, work), Runner(vramcast, options.python, work)
    known = {}
    if os.path.exists(options.results):
        with open(options.results) as file:
            known = {r["name"]: r for r in map(json.loads, file)}
    only = [part for part in options.only.split(";") if part]
    rows = []
    for number, (name, wanted) in enumerate(RUNS.items()):
        if only and not any(part in name for part in only):
            continue
        checkout, _ = checkouts.get(wanted["revision"])
        command = command_of(wanted, checkout)
        made = known.get(name)
        if made is None or made["wanted"] != wanted:
            if options.table:
                continue
            trace = options.traces and os.path.join(options.traces, f"nanochat{number}.trace")
            made = {"name": name, "wanted": wanted,
                    **runner.run(wanted, command, checkout, trace)}
            with open(options.results, "a") as file:
                file.write(json.dumps(made) + "\n")
        told = forecast(vramcast, wanted, command)
        rows.append((name, made, told))
        if options.table:
            continue
        if not usable(made):
            print(f"{name}: {made.get('error', '?')[-300:]}", flush=True)
            continue
        inside = told["low"] <= made["mib"] <= told["high"]
        print(f"{name} ({wanted['revision']}): dry run {made['mib']:.2f}, forecast "
              f"{told['mib']:.2f} {(told['mib'] / made['mib'] - 1) * 100:+.3f} %"
              f"{'' if inside else ' MISSED'}, {made['seconds']} s", flush=True)
    if options.table:
        table(rows)


if __name__ == "__main__":
    main()
