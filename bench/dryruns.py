"""What the comparisons of forecasts with dry runs share: checkouts of nanochat, made-up data, running
`vramcast dryrun`, results that an interrupted comparison finds again, and the comparison itself."""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import time


def work_folder():
    """Where checkouts and made-up data stay between comparisons."""
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")),
                          "vramcast", "reruns")
    os.makedirs(folder, exist_ok=True)
    return folder


def nanochat_repository():
    repository = os.environ.get("NANOCHAT_DIR")
    if not repository:
        sys.exit("NANOCHAT_DIR names no clone of nanochat")
    return repository


class Checkouts:
    """Commits of nanochat, unpacked side by side."""

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

    def get(self, revision):
        """The folder of the unpacked commit."""
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
        return path


class DryRuns:
    """Runs commands with the Python that has PyTorch."""

    def __init__(self, vramcast, python, work):
        self.vramcast, self.work = os.path.abspath(vramcast), work
        folder = os.path.dirname(os.path.abspath(python))
        self.environment = {**os.environ, "PATH": folder + ":" + os.environ["PATH"]}

    def data(self, vocabulary):
        """A base folder of nanochat with a tokenizer of that size and a text."""
        folder = os.path.join(self.work, f"data-{vocabulary}")
        if not os.path.exists(folder):
            part = f"{folder}.{os.getpid()}"
            subprocess.run([self.vramcast, "dryrun", "--sample-data", part, "--vocab-size",
                            str(vocabulary), "--", "python", "-c", ""], check=True,
                           env=self.environment)
            os.rename(part, folder)
        return folder

    def run(self, gpu, command, *flags, cwd=None, seconds=3600, **environment):
        """Peaks in MiB, or what went wrong."""
        words = [self.vramcast, "dryrun", "--json", "--gpu", gpu, *flags, "--", *command]
        started = time.time()
        try:
            done = subprocess.run(words, cwd=cwd, env={**self.environment, **environment},
                                  capture_output=True, text=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            return {"exit_code": -1, "error": "took too long"}
        result = {"exit_code": done.returncode, "seconds": round(time.time() - started)}
        if done.stdout.startswith("{"):
            answer = json.loads(done.stdout)
            rank = answer["ranks"][0]
            result["mib"] = rank["peak_allocated_bytes"] / 2**20
            result["phases"] = {phase["name"]: phase["peak_allocated_bytes"] / 2**20
                                for phase in answer["phases"]}
            result["oom"] = rank["oom"] is not None
            result["steps"] = [s / 2**20 for s in rank["step_peak_allocated_bytes"]]
        if done.returncode and not result.get("oom"):
            result["error"] = done.stderr[-1500:]
        return result


class Results:
    """A file of JSON lines, by name; a run that is in it need not be made again."""

    def __init__(self, path):
        self.path, self.known = path, {}
        if os.path.exists(path):
            with open(path) as file:
                self.known = {line["name"]: line for line in map(json.loads, file)}

    def add(self, result):
        self.known[result["name"]] = result
        with open(self.path, "a") as file:
            file.write(json.dumps(result) + "\n")


def usable(made):
    return made.get("mib") and made["exit_code"] == 0


def difference(made, told):
    return f"{(told / made - 1) * 100:+.2f} %"


def comparison_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("vramcast")
    parser.add_argument("results")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", default="")
    parser.add_argument("--traces", default="", help="a folder for a trace of each run")
    parser.add_argument("--table", action="store_true")
    return parser.parse_args()


def compare(options, wanted_runs, trace_prefix, dry_run, forecast, label=lambda name, wanted: name):
    """What was made and told of each run, as (name, made, told): of all that `options` want, or for
    a table of those that were made before. `dry_run` takes what is wanted and flags for the dry
    run, `forecast` what is wanted and the peak in MiB."""
    results = Results(options.results)
    only = [part for part in options.only.split(";") if part]
    rows = []
    for number, (name, wanted) in enumerate(wanted_runs.items()):
        if only and not any(part in name for part in only):
            continue
        made = results.known.get(name)
        if made is None or made["wanted"] != wanted:
            if options.table:
                continue
            trace = options.traces and os.path.join(options.traces, f"{trace_prefix}{number}.trace")
            made = {"name": name, "wanted": wanted,
                    **dry_run(wanted, ["--trace", trace] if trace else [])}
            results.add(made)
        told = forecast(wanted, made.get("mib", 0))
        rows.append((name, made, told))
        if options.table:
            continue
        if not usable(made):
            print(f"{name}: {made.get('error', '?')[-300:]}", flush=True)
            continue
        inside = told["low"] <= made["mib"] <= told["high"]
        print(f"{label(name, wanted)}: dry run {made['mib']:.2f}, forecast {told['mib']:.2f} "
              f"{difference(made['mib'], told['mib'])}{'' if inside else ' MISSED'}, "
              f"{made['seconds']} s", flush=True)
    return rows
