"""A made-up trainer for the documentation: it dies as PyTorch does where its batch is too large for
a card of 24 GB, and takes no GPU."""

import sys

flags = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
batch = int(flags.get("device-batch-size", 32))
for step in range(2):
    if batch > 4:
        sys.stderr.write("""Traceback (most recent call last):
  File "scripts/base_train.py", line 503, in <module>
    loss.backward()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 4.00 GiB. GPU 0 has a total capacity of 23.56 GiB of which 1.02 GiB is free. Including non-PyTorch memory, this process has 22.53 GiB memory in use. Of the allocated memory 21.91 GiB is allocated by PyTorch, and 187.20 MiB is reserved by PyTorch but unallocated.
""")
        sys.exit(1)
    print(f"step {step:05d}/00002 ({50 * step}.00%) | loss: 11.09", flush=True)
