"""Peaks of dry runs against accounts worked out by hand, to the byte.

usage: accounts.py VRAMCAST PYTHON-WITH-TORCH"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

VRAMCAST, PYTHON = sys.argv[1:3]
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "small_gpt.py")

# small_gpt.py's sizes, in bytes of float32.
VOCABULARY, WIDTH, LAYERS, TOKENS = 16384, 512, 4, 4096
HIDDEN = 4 * TOKENS * WIDTH  # one residual stream
HEAD = 4 * VOCABULARY * WIDTH
PARAMETERS = 2 * HEAD + 4 * LAYERS * 8 * WIDTH * WIDTH
LOGITS = 4 * TOKENS * VOCABULARY
# What backward needs: the stream before each block and after the last, and the hidden layers.
ACTIVATIONS = (LAYERS + 1) * HIDDEN + LAYERS * 4 * HIDDEN
# Ten step counters of the optimizer, the loss and its gradient, each a block of 512 bytes.
SMALL = 12 * 512
# int64 tokens; cuBLAS on Hopper: 32 MiB for the main thread and 32 for autograd's.
ALWAYS = 3 * PARAMETERS + 8 * TOKENS + 2 * 2**25 + SMALL

# At the gradient of the logits: log-softmax, gradient of the loss, gradient of the logits.
EAGER = ALWAYS + ACTIVATIONS + 3 * LOGITS
# Compiled, the gradient overwrites the logits; the peak is at the gradient of the head, when the
# last hidden state has made room for its own gradient.
COMPILED = ALWAYS + ACTIVATIONS + LOGITS + HEAD
# DistributedDataParallel keeps one set of buckets that gradients are views of; compiled, the graph
# is split at a bucket, so that the last hidden state outlives its gradient.
BUCKETS = PARAMETERS


def dryrun(*words, gpu="NVIDIA H100 80GB HBM3", flags=(), **environment):
    command = [VRAMCAST, "dryrun", "--gpu", gpu, "--json", *flags, "--", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900,
                          env={**os.environ, **environment})
    return done, (json.loads(done.stdout) if done.stdout else None)


def small_gpt(*arguments):
    return [PYTHON, PROGRAM, *arguments]


def torchrun(ranks, *arguments):
    return [PYTHON, "-m", "torch.distributed.run", f"--nproc_per_node={ranks}", PROGRAM,
            *arguments]


class Accounts(unittest.TestCase):

    def peak(self, command, **more):
        done, answer = dryrun(*command, **more)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return answer["ranks"][0]["peak_allocated_bytes"]

    def test_eager(self):
        self.assertEqual(self.peak(small_gpt()), EAGER)

    def test_compiled(self):
        self.assertEqual(self.peak(small_gpt("compile")), COMPILED)

    def test_rank_0_of_4(self):
        self.assertEqual(self.peak(torchrun(4)), EAGER + BUCKETS)

    def test_rank_3_of_4_needs_the_same(self):
        self.assertEqual(self.peak(torchrun(4), flags=["--rank", "3"]), EAGER + BUCKETS)

    def test_rank_0_of_4_compiled(self):
        self.assertEqual(self.peak(torchrun(4, "compile")), COMPILED + BUCKETS + HIDDEN)

    def test_expandable_segments_reserve_less_and_allocate_the_same(self):
        _, plain = dryrun(*small_gpt())
        _, expandable = dryrun(*small_gpt(), PYTORCH_CUDA_ALLOC_CONF="expandable_segments:True")
        plain, expandable = plain["ranks"][0], expandable["ranks"][0]
        self.assertEqual(expandable["peak_allocated_bytes"], EAGER)
        self.assertGreaterEqual(expandable["peak_reserved_bytes"], EAGER)
        self.assertLessEqual(expandable["peak_reserved_bytes"], plain["peak_reserved_bytes"])


class Behaviour(unittest.TestCase):

    def test_names_the_phases(self):
        _, answer = dryrun(*small_gpt())
        names = [phase["name"] for phase in answer["phases"]]
        self.assertEqual(names, ["model_init", "first_forward", "first_backward",
                                 "first_optimizer_step", "train_step"])

    def test_a_card_too_small_gives_pytorchs_own_message(self):
        done, answer = dryrun(*small_gpt(), gpu="1GiB")
        self.assertEqual(done.returncode, 1)
        oom = answer["ranks"][0]["oom"]
        self.assertIn("CUDA out of memory. Tried to allocate 256.00 MiB", oom["message"])
        self.assertIn("this process has", oom["message"])

    def test_a_program_that_fails_by_itself_keeps_its_exit_code(self):
        done, answer = dryrun(*small_gpt("fails"), flags=["--to-end"])
        self.assertEqual(done.returncode, 7)
        self.assertIsNone(answer["ranks"][0]["oom"])

    def test_writes_a_snapshot(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "snapshot.pickle")
            done, _ = dryrun(*small_gpt(), flags=["--snapshot", path])
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            self.assertGreater(os.path.getsize(path), 1000)

    def test_stopping_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "TMPDIR": folder}
            child = subprocess.Popen(
                [VRAMCAST, "dryrun", "--", PYTHON, "-c",
                 "import torch, time; torch.zeros(1, device='cuda'); print('up', flush=True); "
                 "time.sleep(600)"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
            self.assertEqual(child.stdout.readline(), "up\n")
            child.send_signal(signal.SIGTERM)
            self.assertNotEqual(child.wait(timeout=30), 0)
            child.stdout.close()
            self.assertEqual(os.listdir(folder), [])


@unittest.skipUnless(os.environ.get("NANOCHAT_DIR"), "NANOCHAT_DIR names no checkout")
class Nanochat(unittest.TestCase):
    """A short training run of a real checkout, on made-up data. Needs nanochat's own packages in
    the environment (wandb, tiktoken, rustbpe, pyarrow, …)."""

    def test_trains(self):
        with tempfile.TemporaryDirectory() as folder:
            data = os.path.join(folder, "data")
            subprocess.run([VRAMCAST, "dryrun", "--sample-data", data, "--", PYTHON, "-c", ""],
                           check=True)
            done = subprocess.run(
                [VRAMCAST, "dryrun", "--json", "--", PYTHON, "-m", "scripts.base_train",
                 "--depth=4", "--device-batch-size=4", "--eval-every=-1",
                 "--core-metric-every=-1", "--sample-every=-1"],
                cwd=os.environ["NANOCHAT_DIR"], capture_output=True, text=True,
                env={**os.environ, "NANOCHAT_BASE_DIR": data})
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            self.assertTrue(json.loads(done.stdout)["ranks"][0]["stable"])


if __name__ == "__main__":
    started = time.time()
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"with PyTorch, {time.time() - started:.0f} s")
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed, "
          f"{len(result.skipped)} skipped")
    sys.exit(1 if bad else 0)
