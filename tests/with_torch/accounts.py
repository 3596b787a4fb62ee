"""Peaks of dry runs against accounts worked out by hand, to the byte.

usage: accounts.py VRAMCAST PYTHON-WITH-TORCH [TEST …]"""

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


def vramcast(*words):
    done = subprocess.run([VRAMCAST, *words], capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout)


def ends(process):
    """Whether a process is gone, or soon will be."""
    for _ in range(100):
        try:
            with open(f"/proc/{process}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.1)
    return False


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

    def test_the_first_step_is_the_first_step_alone(self):
        _, answer = dryrun(*small_gpt())
        peaks = {phase["name"]: phase["peak_allocated_bytes"] for phase in answer["phases"]}
        # The optimizer has neither its two moments nor its ten step counters yet, and autograd's
        # thread takes its workspace only for the product that follows.
        self.assertEqual(peaks["first_backward"], EAGER - 2 * PARAMETERS - 10 * 512 - 2**25)
        self.assertEqual(peaks["train_step"], EAGER)
        steps = answer["ranks"][0]["step_peak_allocated_bytes"]
        self.assertEqual(steps[:3], [peaks["first_backward"], EAGER, EAGER])

    def test_an_optimizer_that_never_steps_does_not_hide_the_steps(self):
        program = ("import torch; layer = torch.nn.Linear(512, 512, device='cuda'); "
                   "unused = torch.optim.SGD(layer.parameters()); "
                   "used = torch.optim.SGD(layer.parameters())\n"
                   "for _ in range(9):\n"
                   "  layer(torch.zeros(1, 512, device='cuda')).sum().backward(); used.step()")
        done, answer = dryrun(PYTHON, "-c", program)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertTrue(answer["ranks"][0]["stable"])

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

    def test_all_ranks(self):
        done, answer = dryrun(*torchrun(2), flags=["--all-ranks"])
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertEqual([rank["rank"] for rank in answer["ranks"]], [0, 1])
        self.assertEqual([rank["peak_allocated_bytes"] for rank in answer["ranks"]],
                         2 * [EAGER + BUCKETS])

    def test_what_an_optimizer_gathers_outlives_a_question_before_the_next_step(self):
        def peak(ask):
            program = os.path.join(HERE, "asks_before_steps.py")
            words = [PYTHON, "-m", "torch.distributed.run", "--nproc_per_node=4", program]
            done, told = dryrun(*words, *(["--ask"] if ask else []))
            self.assertEqual(done.returncode, 0, done.stderr[-2000:])
            return told["ranks"][0]["peak_allocated_bytes"]

        # Each rank's part and all four of them, beside the activation of the next step.
        self.assertAlmostEqual(peak(True), peak(False), delta=2**20)
        self.assertGreater(peak(True), 5 * 4 * (16 << 20) + 4 * (64 << 20))

    def test_the_peak_is_taken_apart(self):
        _, answer = dryrun(*small_gpt())
        rank = answer["ranks"][0]
        self.assertEqual(sum(part["bytes"] for part in rank["composition"]), EAGER)
        logits = [line for line in rank["lines"] if line["category"] == "logits"]
        self.assertRegex(logits[0]["line"], r"small_gpt.py:\d+ forward$")
        self.assertIn("outside Python", rank["lines"][0]["line"])  # autograd's thread
        self.assertEqual(rank["peak_phase"], "train_step")

    def test_a_trace_is_read_by_other_verbs(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.trace")
            done, _ = dryrun(*small_gpt(), flags=["--trace", path])
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            seen = vramcast("snapshot", path, "--json")
            self.assertEqual(seen["devices"][0]["peak_allocated_bytes"], EAGER)
            played = vramcast("replay", path, "--gpu", "RTX 4090", "--json")
            device = played["devices"][0]
            self.assertEqual(device["allocations"], device["at_recorded_address"])

    def test_finds_the_largest_batch(self):
        done, answer = dryrun(*small_gpt("--batch-size=8"), gpu="2GiB",
                              flags=["--bisect-batch"])
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        tried = {one["device_batch_size"]: one["fits"] for one in answer["candidates"]}
        best = answer["device_batch_size"]
        self.assertTrue(tried[best])
        self.assertFalse(tried[best + 1])
        self.assertTrue(answer["command"].endswith(f"--batch-size={best}"))

    def test_an_unknown_entry_point_is_named_once(self):
        program = ("import ctypes, torch; torch.zeros(1, device='cuda'); "
                   "cuda = ctypes.CDLL('libcuda.so.1'); found = ctypes.c_void_p(); "
                   "[cuda.cuGetProcAddress_v2(b'cuFutureGetThings', ctypes.byref(found), 13000, "
                   "ctypes.c_uint64(0), None) for _ in range(2)]")
        _, answer = dryrun(PYTHON, "-c", program)
        self.assertEqual(answer["ranks"][0]["unknown_entry_points"], ["cuFutureGetThings"])

    def test_a_card_without_room_for_a_context(self):
        done, answer = dryrun(*small_gpt(), gpu="256MiB")
        self.assertEqual(done.returncode, 1)
        self.assertIn("CUDA error: out of memory", answer["ranks"][0]["oom"]["message"])

    def test_writes_a_snapshot(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "snapshot.pickle")
            done, _ = dryrun(*small_gpt(), flags=["--snapshot", path])
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            self.assertGreater(os.path.getsize(path), 1000)

    def test_a_full_disk_costs_the_recording_and_not_the_answer(self):
        # Files end at 64 KiB, as they do where a disk is full.
        with tempfile.TemporaryDirectory() as folder:
            limit = ("import os, resource, sys; "
                     "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
                     "os.execv(sys.argv[1], sys.argv[1:])")
            words = [VRAMCAST, "dryrun", "--json", "--", *small_gpt()]
            dryrun(PYTHON, "-c", "import torch")  # makes the libraries
            done = subprocess.run([sys.executable, "-c", limit, *words], capture_output=True,
                                  text=True, env={**os.environ, "TMPDIR": folder})
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            rank = json.loads(done.stdout)["ranks"][0]
            self.assertEqual(rank["peak_allocated_bytes"], EAGER)
            self.assertNotIn("lines", rank)
            self.assertIn("could not be written down", done.stderr)
            self.assertEqual(os.listdir(folder), [])

    def test_a_full_disk_where_the_libraries_should_go(self):
        with tempfile.TemporaryDirectory() as folder:
            limit = ("import os, resource, sys; "
                     "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
                     "os.execv(sys.argv[1], sys.argv[1:])")
            words = [VRAMCAST, "dryrun", "--", *small_gpt()]
            done = subprocess.run([sys.executable, "-c", limit, *words], capture_output=True,
                                  text=True, env={**os.environ, "VRAMCAST_CACHE_DIR": folder})
            self.assertEqual(done.returncode, 4, done.stderr[-3000:])
            self.assertIn("cannot write", done.stderr)
            left = [name for _, _, names in os.walk(folder) for name in names]
            self.assertEqual(left, [])

    def test_a_full_disk_costs_the_trace_and_not_the_answer(self):
        done, answer = dryrun(*small_gpt(), flags=["--trace", "/dev/full"])
        self.assertEqual(done.returncode, 4)
        self.assertEqual(answer["ranks"][0]["peak_allocated_bytes"], EAGER)
        self.assertTrue(any("/dev/full was not written" in note for note in answer["notes"]))

    def test_a_full_disk_costs_what_the_program_saves_and_not_the_program(self):
        program = ("import os, resource, types, torch; torch.zeros(1, device='cuda'); "
                   "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
                   "os.statvfs = lambda _: types.SimpleNamespace(f_bavail=0, f_frsize=4096); "
                   "torch.save(torch.zeros(2**20), 'model.pt')")
        done, answer = dryrun(PYTHON, "-c", program)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertTrue(any("what the program saved was dropped" in note
                            for note in answer["notes"]))

    def test_a_program_that_crashes_before_its_first_step(self):
        program = ("import os, signal, torch; torch.zeros(1, device='cuda'); "
                   "os.kill(os.getpid(), signal.SIGSEGV)")
        done = subprocess.run([VRAMCAST, "dryrun", "--", PYTHON, "-c", program],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 128 + signal.SIGSEGV)
        self.assertIn("killed by signal 11.", done.stdout)
        self.assertIn("Nothing is known of its memory", done.stdout)
        self.assertNotIn("never used PyTorch", done.stdout)

    def test_what_is_known_of_a_program_that_is_killed_in_its_first_step(self):
        program = ("import os, signal, time, torch; layer = torch.nn.Linear(512, 512).cuda(); "
                   "time.sleep(1.1); layer(torch.zeros(1, 512, device='cuda')).sum().backward(); "
                   "os.kill(os.getpid(), signal.SIGKILL)")
        done, answer = dryrun(PYTHON, "-c", program)
        self.assertEqual(done.returncode, 128 + signal.SIGKILL)
        self.assertGreaterEqual(answer["ranks"][0]["peak_allocated_bytes"], 4 * 512 * 513)

    def stopped_by(self, number):
        """Exit code and standard error of a run that is sent a signal once it trains, and what it
        left in its folder for temporary files."""
        program = ("import os, subprocess, torch, time; torch.zeros(1, device='cuda'); "
                   "helper = subprocess.Popen(['sleep', '600'], start_new_session=True); "
                   "print(os.getpid(), helper.pid, flush=True); time.sleep(600)")
        with tempfile.TemporaryDirectory() as folder:
            child = subprocess.Popen([VRAMCAST, "dryrun", "--", PYTHON, "-c", program],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                     env={**os.environ, "TMPDIR": folder})
            processes = [int(word) for word in child.stdout.readline().split()]
            self.assertEqual(len(processes), 2)
            child.send_signal(number)
            _, error = child.communicate(timeout=60)
            for process in processes:
                self.assertTrue(ends(process), f"process {process} lives on")
            for _ in range(100):  # after a kill, the guardian clears up when all have ended
                if not os.listdir(folder):
                    break
                time.sleep(0.1)
            return child.returncode, error, os.listdir(folder)

    def test_stopping_the_search_for_a_batch_tells_what_is_known(self):
        program = ("import sys, time, torch; torch.zeros(1, device='cuda'); "
                   "size = int(sys.argv[1].split('=')[1]); print(size, flush=True); "
                   "time.sleep(600 if size > 8 else 0)")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "train.py")
            with open(path, "w") as file:
                file.write(program)
            child = subprocess.Popen(
                [VRAMCAST, "dryrun", "--bisect-batch", "--", PYTHON, path, "--batch-size=8"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual([child.stdout.readline() for _ in range(2)], ["8\n", "16\n"])
            child.send_signal(signal.SIGTERM)
            output, error = child.communicate(timeout=60)
            self.assertEqual(child.returncode, 130, error)
            self.assertIn("Stopped from outside", output)
            self.assertIn("--batch-size=8", output)

    def test_stopping_leaves_nothing_behind(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                code, error, left = self.stopped_by(number)
                self.assertEqual(code, 130, error)
                self.assertEqual(left, [])

    def test_killing_it_leaves_nothing_behind(self):
        code, _, left = self.stopped_by(signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)
        self.assertEqual(left, [])

    def test_clears_up_after_one_that_was_killed_with_all_its_helpers(self):
        with subprocess.Popen(["true"]) as gone:
            pass
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, f"vramcast-dryrun-{gone.pid}-abcdef"))
            dryrun(PYTHON, "-c", "import torch", TMPDIR=folder)
            self.assertEqual(os.listdir(folder), [])


@unittest.skipUnless(os.environ.get("NANOCHAT_DIR"), "NANOCHAT_DIR names no checkout")
class Nanochat(unittest.TestCase):
    """A short training run of a real checkout, on made-up data. Needs nanochat's own packages in
    the environment (wandb, tiktoken, rustbpe, pyarrow, …)."""

    def train(self, *words, flags=()):
        """The answer of a dry run of base_train."""
        with tempfile.TemporaryDirectory() as folder:
            data = os.path.join(folder, "data")
            subprocess.run([VRAMCAST, "dryrun", "--sample-data", data, "--", PYTHON, "-c", ""],
                           check=True)
            done = subprocess.run(
                [VRAMCAST, "dryrun", "--json", *flags, "--", PYTHON, "-m", "scripts.base_train",
                 "--depth=4", "--device-batch-size=4", "--eval-every=-1",
                 "--core-metric-every=-1", *words],
                cwd=os.environ["NANOCHAT_DIR"], capture_output=True, text=True,
                env={**os.environ, "NANOCHAT_BASE_DIR": data})
            self.assertEqual(done.returncode, 0, done.stderr[-3000:])
            return json.loads(done.stdout)

    def test_trains(self):
        self.assertTrue(self.train("--sample-every=-1")["ranks"][0]["stable"])

    def test_samples_with_a_cache_that_fills(self):
        answer = self.train("--sample-every=2", "--num-iterations=2", flags=["--to-end"])
        self.assertIn("sampling", [phase["name"] for phase in answer["phases"]])


if __name__ == "__main__":
    started = time.time()
    loader, here = unittest.defaultTestLoader, sys.modules["__main__"]
    wanted = sys.argv[3:]
    suite = loader.loadTestsFromNames(wanted, here) if wanted else loader.loadTestsFromModule(here)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"with PyTorch, {time.time() - started:.0f} s")
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed, "
          f"{len(result.skipped)} skipped")
    sys.exit(1 if bad else 0)
