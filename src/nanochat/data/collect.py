#!/usr/bin/env python3
"""Writes what vramcast knows about every upstream commit of nanochat.

    src/nanochat/data/collect.py PATH_TO_A_NANOCHAT_CLONE

reads the history of all branches and writes five small tables beside this file; data.cmake puts
them into the binary. A new upstream release needs a fetch, a run of this script and, if the code
changed in a way that memory feels, a new entry in ../families.cc (whose first commits are read
from there, so that the two cannot disagree).

commits.tsv  sorted by hash, lines of equal length: hash, commit time, family index, kind, link
             kind f: on master's first-parent line; m: merged into master, its files equal to
             those of a commit of kind f; n: merged, but like none of them; b: beside master
             link: row in trees.tsv (f, m, n), or row in commits.tsv of the nearest ancestor (b)
trees.tsv    one row for each different state of the files that memory depends on: blob numbers
blobs.tsv    one row a blob: SHA-1, number of its flag table in flags.tsv or ---
flags.tsv    the tables of flags: name, type, default, one-letter spelling; "=" lines hold other
             facts of a script
launches.tsv what the launch scripts run: name of the launch script, commit time from which this
             holds, number of processes (0: plain python), script, flags whose values are fixed
"""

import ast
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
NONE = "---"

PATHS = [f"nanochat/{name}.py" for name in (
    "gpt", "muon", "adamw", "optim", "engine", "core_eval", "dataloader", "checkpoint_manager",
    "loss_eval", "fp8", "flash_attention", "common", "configurator")] + [
    f"scripts/{name}.py" for name in (
        "base_train", "mid_train", "chat_sft", "chat_rl", "base_eval", "base_loss", "chat_eval",
        "tok_train")]


# What the launch scripts' own variable stands for unless the caller sets it.
NPROC_PER_NODE = "8"

LAUNCH = re.compile(r"^\s*(?:torchrun\b.*?--nproc_per_node=(?P<nproc>\S+).*?|python\s+)-m\s+"
                    r"(?P<script>scripts\.(?:base|mid|chat)_(?:train|sft|rl|eval|loss))\b"
                    r"(?P<rest>.*)$")


def git(clone, *arguments):
    return subprocess.run(["git", "-C", clone, *arguments], check=True, capture_output=True,
                          text=True).stdout


def constant(node):
    """The value of a literal or of arithmetic on literals; raises ValueError otherwise."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -constant(node.operand)
    if isinstance(node, ast.BinOp):
        left, right = constant(node.left), constant(node.right)
        if isinstance(node.op, ast.Mult):
            return left * right
        if isinstance(node.op, ast.Pow):
            return left ** right
    raise ValueError("not a constant")


def type_of(value):
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "str")


def text_of(value):
    return "" if value is None else str(value)


def configurator_flags(tree):
    """Globals assigned before nanochat/configurator.py is executed: each can be overridden."""
    flags = {}
    for node in tree.body:
        if isinstance(node, ast.Expr) and "configurator" in ast.dump(node):
            return flags
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                value = constant(node.value)
            except ValueError:
                continue
            flags[node.targets[0].id] = (type_of(value), text_of(value), "")
    return {}


def argparse_flags(tree):
    flags = {}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                and node.func.attr == "add_argument"):
            continue
        names = [argument.value for argument in node.args]
        long_name = next((name for name in names if name.startswith("--")), None)
        if long_name is None:
            continue
        short = next((name for name in names if re.fullmatch("-[a-z]", name)), "")
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        default = constant(keywords["default"]) if "default" in keywords else None
        if "action" in keywords:
            kind = "switch"
        elif "type" in keywords:
            kind = keywords["type"].id
        else:
            kind = "str"
        flags[long_name.lstrip("-")] = (kind, text_of(default), short.lstrip("-"))
    return flags


def describe_script(source):
    """The flag table of one script as text, or None if it has neither flags nor facts."""
    tree = ast.parse(source)
    lines = []
    variable = re.search(r'environ\["(PYTORCH_\w*ALLOC_CONF)"\] = "expandable_segments:True"',
                         source)
    if variable:
        lines.append(f"=alloc_conf\t{variable[1]}")
    flags = argparse_flags(tree) if "add_argument" in source else configurator_flags(tree)
    for name, (kind, default, short) in flags.items():
        lines.append(f"{name}\t{kind}\t{default}\t{short}")
    return "\n".join(lines) if lines else None


def describe_launches(source):
    """One line for each command of a launch script that runs a stage, in their order."""
    lines = []
    for line in source.replace("\\\n", " ").splitlines():
        match = LAUNCH.match(line)
        if not match:
            continue
        nproc = match["nproc"] or "0"
        nproc = NPROC_PER_NODE if "$" in nproc else nproc
        words = match["rest"].split("#")[0].split()
        flags = [w for w in words if w.startswith("-") and w != "--" and "$" not in w]
        for letter, value in zip(words, words[1:]):
            if re.fullmatch("-[a-z]", letter):
                flags[flags.index(letter)] = f"{letter}={value}"
        lines.append("\t".join((nproc, match["script"], " ".join(flags))))
    return lines


def launches(history):
    """Each change of what a launch script runs, along master's first-parent line."""
    rows, current = [], {}
    for commit in (c for c in history.order if c in history.first_parent):
        scripts = {}
        for path in git(history.clone, "ls-tree", "-r", "--name-only", commit).splitlines():
            if path.endswith(".sh"):
                source = git(history.clone, "show", f"{commit}:{path}")
                scripts[pathlib.PurePath(path).stem] = describe_launches(source)
        for name in sorted(scripts.keys() | current.keys()):
            commands = scripts.get(name, [])
            if commands == current.get(name):
                continue
            current[name] = commands
            time = history.time[commit]
            rows.extend(f"{name}\t{time:010d}\t{command}\n" for command in commands or ["-\t-\t"])
    return rows


def families():
    """First commits of the families, in their order, as ../families.cc names them."""
    source = (HERE.parent / "families.cc").read_text()
    return re.findall(r'\.Begin\("[^"]+",\s*"([0-9a-f]{7,40})"', source)


class History:
    def __init__(self, clone):
        self.clone = clone
        self.parents, self.time, order = {}, {}, []
        log = git(clone, "log", "--all", "--topo-order", "--reverse", "--format=%H %ct %P")
        for line in log.splitlines():
            commit, time, *parents = line.split()
            self.parents[commit], self.time[commit] = parents, int(time)
            order.append(commit)
        self.order = order  # parents before children
        self.on_master = set(git(clone, "rev-list", "master").split())
        self.first_parent = set(git(clone, "rev-list", "--first-parent", "master").split())

    def resolve(self, prefix):
        found = [commit for commit in self.order if commit.startswith(prefix)]
        if len(found) != 1:
            sys.exit(f"{prefix}: {len(found)} commits of the clone begin so")
        return found[0]

    def families(self):
        """The latest family whose first commit is the commit itself or an ancestor of it."""
        begins = {self.resolve(prefix): index for index, prefix in enumerate(families())}
        family = {}
        for commit in self.order:
            inherited = max((family[parent] for parent in self.parents[commit]), default=0)
            family[commit] = max(inherited, begins.get(commit, 0))
        return family

    def base(self, commit):
        """The nearest ancestor that is on master."""
        seen, queue = set(), [commit]
        while queue:
            queue.sort(key=lambda c: self.time[c])
            current = queue.pop()
            if current in self.on_master:
                return current
            for parent in self.parents[current]:
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)
        return None


def main(clone):
    history = History(clone)
    family = history.families()
    blobs, trees, tables = {}, {}, {}
    blob_table, tree_of = {}, {}

    for commit in sorted(history.on_master):
        listing = {}
        for line in git(clone, "ls-tree", "-r", commit, *PATHS).splitlines():
            meta, path = line.split("\t")
            listing[path] = meta.split()[2]
        row = []
        for path in PATHS:
            sha = listing.get(path)
            if sha is None:
                row.append(NONE)
                continue
            if sha not in blobs:
                blobs[sha] = len(blobs)
                table = None
                if path.startswith("scripts/"):
                    table = describe_script(git(clone, "cat-file", "blob", sha))
                if table is not None:
                    table = tables.setdefault(table, len(tables))
                blob_table[sha] = table
            row.append(f"{blobs[sha]:03d}")
        tree_of[commit] = trees.setdefault(" ".join(row), len(trees))

    family_of_tree = {}
    for commit in history.order:
        if commit in history.first_parent:
            family_of_tree[tree_of[commit]] = family[commit]
    kinds = {}
    for commit in history.on_master:
        if commit in history.first_parent:
            kinds[commit] = "f"
        elif tree_of[commit] in family_of_tree:
            kinds[commit] = "m"
            family[commit] = family_of_tree[tree_of[commit]]
        else:
            kinds[commit] = "n"

    known = [c for c in history.order if c in history.on_master or history.base(c)]
    known.sort()
    row_of = {commit: index for index, commit in enumerate(known)}
    with open(HERE / "commits.tsv", "w") as out:
        for commit in known:
            if commit in history.on_master:
                kind, link = kinds[commit], tree_of[commit]
            else:
                kind, link = "b", row_of[history.base(commit)]
            out.write(f"{commit}\t{history.time[commit]:010d}\t{family[commit]:02d}\t{kind}\t"
                      f"{link:04d}\n")
    with open(HERE / "trees.tsv", "w") as out:
        out.write(" ".join(PATHS) + "\n")
        out.writelines(row + "\n" for row in trees)
    with open(HERE / "blobs.tsv", "w") as out:
        for sha in blobs:
            table = blob_table[sha]
            out.write(f"{sha}\t{NONE if table is None else f'{table:03d}'}\n")
    with open(HERE / "launches.tsv", "w") as out:
        out.writelines(launches(history))
    with open(HERE / "flags.tsv", "w") as out:
        for text, index in tables.items():
            out.write(f"#{index:03d}\n{text}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
