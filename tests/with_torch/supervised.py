"""`vramcast run` around a real PyTorch on a card that is too small, which the dry run plays.

usage: supervised.py VRAMCAST PYTHON-WITH-TORCH"""

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


class Supervised(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.temporary = os.path.join(self.folder, "tmp")
        os.mkdir(self.temporary)
        os.symlink(os.path.join(HERE, "scripts"), os.path.join(self.folder, "scripts"))
        self.environment = {**os.environ, "TMPDIR": self.temporary,
                            "NANOCHAT_BASE_DIR": self.folder, "VRAMCAST_DATA_DIR": self.folder}
        self.training = [VRAMCAST, "dryrun", "--gpu=4GiB", "--to-end", "--keep", "--", PYTHON, "-m",
                         "scripts.base_train", "--depth=4", "--max-seq-len=512",
                         "--device-batch-size=32", "--save-every=2",
                         "--core-metric-every=-1", "--sample-every=-1"]

    def run_it(self, *flags, command=None):
        done = subprocess.run([VRAMCAST, "run", "--json", *flags, "--", *(command or self.training)],
                              capture_output=True, text=True, timeout=900, cwd=self.folder,
                              env=self.environment)
        return done, json.loads(done.stdout)

    def test_dies_in_evaluation_is_corrected_resumes_and_finishes(self):
        done, report = self.run_it()
        first, last = report["attempts"][0], report["attempts"][-1]
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertTrue(first["out_of_memory"])
        self.assertGreater(len(report["attempts"]), 1)
        self.assertIn("resumed from step 4", done.stderr)
        self.assertIn("--resume-from-step=4", report["command"])
        self.assertEqual(last["outcome"], "finished")
        # The module saw the death in PyTorch itself, and where the memory went.
        self.assertEqual(len(first["snapshots"]), 1)
        phases = {phase["name"]: phase for phase in last["launches"][0]["phases"]}
        self.assertGreater(phases["evaluation"]["measured_allocated_bytes"], 64 << 20)
        self.assertEqual([name for name in os.listdir(self.temporary) if "run" in name], [])

    def test_its_snapshot_is_one_that_vramcast_reads(self):
        _, report = self.run_it("--retries=0")
        snapshot = os.path.join(self.folder, report["attempts"][0]["snapshots"][0])
        done = subprocess.run([VRAMCAST, "snapshot", snapshot, "--json"], capture_output=True,
                              text=True)
        self.assertIn(done.returncode, (0, 1), done.stderr)  # 1: it shows an out-of-memory
        self.assertGreater(json.loads(done.stdout)["devices"][0]["peak_allocated_bytes"], 0)

    def test_a_program_that_is_not_nanochats_is_changed_only_with_leave(self):
        program = os.path.join(self.folder, "train.py")
        with open(program, "w") as file:
            file.write("import sys, torch\n"
                       "batch = int(sys.argv[1].split('=')[1])\n"
                       "torch.zeros(batch << 26, dtype=torch.uint8, device='cuda')\n"
                       "print('lives with', batch)\n")
        command = [VRAMCAST, "dryrun", "--gpu=4GiB", "--to-end", "--", PYTHON, program,
                   "--batch-size=128"]
        done, report = self.run_it(command=command)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(report["attempts"]), 1)
        self.assertIn("--allow batch", report["why_no_more"])
        done, report = self.run_it("--allow=batch", command=command)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        self.assertIn("lives with 32", done.stderr)

    def test_a_killed_supervisor_leaves_nothing(self):
        program = ("import os, torch, time; torch.zeros(1, device='cuda'); "
                   "print(os.getpid(), flush=True); time.sleep(600)")
        supervisor = subprocess.Popen(
            [VRAMCAST, "run", "--grace=2", "--", VRAMCAST, "dryrun", "--to-end", "--", PYTHON, "-c",
             program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=self.folder, env=self.environment)
        pid = int(supervisor.stdout.readline())
        supervisor.send_signal(signal.SIGKILL)
        supervisor.wait()
        supervisor.stdout.close()
        for _ in range(3000):
            if not os.path.exists(f"/proc/{pid}") and not os.listdir(self.temporary):
                break
            time.sleep(0.02)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        self.assertEqual(os.listdir(self.temporary), [])


if __name__ == "__main__":
    started = time.time()
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"supervised, {time.time() - started:.0f} s")
    print(f"{result.testsRun - bad - len(result.skipped)} passed, {bad} failed, "
          f"{len(result.skipped)} skipped")
    sys.exit(1 if bad else 0)
