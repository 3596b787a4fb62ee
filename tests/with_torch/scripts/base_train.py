"""A small model with nanochat's flags and nanochat's checkpoints, for a real PyTorch: it trains in
little memory and evaluates a whole batch at once, which needs 64 MiB a sequence."""

import json
import os
import sys
import time

import torch

flags = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
batch = int(flags.get("device-batch-size", 32))
start = max(0, int(flags.get("resume-from-step", -1)))
save_every = int(flags.get("save-every", -1))
eval_every = int(flags.get("eval-every", 5))
folder = os.path.join(os.environ["NANOCHAT_BASE_DIR"], "base_checkpoints", "d" + flags["depth"])

model = torch.nn.Linear(1024, 1024, bias=False).cuda()
optimizer = torch.optim.AdamW(model.parameters())


def path(name, step):
    return os.path.join(folder, name % step)


def save_checkpoint(step):
    os.makedirs(folder, exist_ok=True)
    torch.save(model.state_dict(), path("model_%06d.pt", step))
    torch.save(optimizer.state_dict(), path("optim_%06d_rank0.pt", step))
    with open(path("meta_%06d.json", step), "w") as file:
        json.dump({"step": step}, file)


def evaluate_bpb():
    with torch.no_grad():
        outputs = model(torch.zeros(batch * 16384, 1024, device="cuda"))
        time.sleep(1)  # as long as a real device would take, so that it can be seen from outside
        return outputs.mean()


if start:
    model.load_state_dict(torch.load(path("model_%06d.pt", start)))
    optimizer.load_state_dict(torch.load(path("optim_%06d_rank0.pt", start)))
    print(f"resumed from step {start}", flush=True)
for step in range(start, 8):
    if step > 0 and step % eval_every == 0:
        evaluate_bpb()
    if save_every > 0 and step > start and step % save_every == 0:
        save_checkpoint(step)
    loss = model(torch.zeros(batch * 64, 1024, device="cuda")).square().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    print(f"step {step:05d}/00008 ({100 * step / 8:.2f}%) | loss: {loss.item():.6f}", flush=True)
print("done", flush=True)
