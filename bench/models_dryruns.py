"""Compares forecasts of transformers models with dry runs of the real thing, on shapes and ways to
train that no recorded run has.

usage: models_dryruns.py [--python PYTHON] [--only NAME,…] [--table] VRAMCAST RESULTS

RESULTS is a file of JSON lines: a run that is in it is not made again, so that the work can be
interrupted; its forecast is. --table prints all of it as the table of docs/accuracy.md. PYTHON has
torch, transformers and, for LoRA, peft. The same file is the program that is run: `--train`."""

import json
import os
import subprocess
import sys
import tempfile

from dryruns import DryRuns, compare, comparison_options, difference, usable

H100 = "NVIDIA H100 80GB HBM3"
LLAMA = {"model_type": "llama", "vocab_size": 32000, "hidden_size": 512, "intermediate_size": 1408,
         "num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 8,
         "max_position_embeddings": 8192, "tie_word_embeddings": False}
GPT2 = {"model_type": "gpt2", "vocab_size": 50257, "n_positions": 2048, "n_embd": 512, "n_layer": 4,
        "n_head": 8}
QWEN2 = {**LLAMA, "model_type": "qwen2", "vocab_size": 151936, "num_key_value_heads": 2,
         "tie_word_embeddings": True}
QWEN3 = {**LLAMA, "model_type": "qwen3", "vocab_size": 151936, "num_key_value_heads": 4,
         "head_dim": 128}
MISTRAL = {**LLAMA, "model_type": "mistral", "num_key_value_heads": 2, "sliding_window": 256}


def run(config, batch=2, seq=1024, dtype="bf16", **more):
    return {"config": config, "batch": batch, "seq": seq, "dtype": dtype, **more}


RUNS = {
    "llama, tied, 3 x 300": run({**LLAMA, "tie_word_embeddings": True}, 3, 300),
    "llama, 1 x 4,096": run(LLAMA, 1, 4096),
    "llama, 10 heads of 96 over 5, 9 layers": run(
        {**LLAMA, "hidden_size": 960, "num_attention_heads": 10, "num_key_value_heads": 5,
         "num_hidden_layers": 9, "intermediate_size": 2560}, 2, 777),
    "llama, 4 heads of 256": run({**LLAMA, "hidden_size": 1024, "num_attention_heads": 4,
                                  "num_key_value_heads": 4}, 2, 640),
    "llama, vocabulary 100,003": run({**LLAMA, "vocab_size": 100003}, 2, 512),
    "llama, autocast, 5 x 257": run(LLAMA, 5, 257, "amp"),
    "llama, autocast, checkpointing": run(LLAMA, 4, 1024, "amp", checkpointing=True),
    "llama, fp32": run(LLAMA, 2, 512, "fp32"),
    "llama, fp32, fused AdamW, GQA": run({**LLAMA, "num_key_value_heads": 4}, 2, 512, "fp32",
                                         optimizer="adamw-fused"),
    "llama, 8 micro-batches": run(LLAMA, 1, 512, accumulation=8),
    "llama, SGD": run(LLAMA, 2, 512, optimizer="sgd"),
    "llama, Adafactor, autocast": run(LLAMA, 2, 512, "amp", optimizer="adafactor"),
    "llama, Muon": run(LLAMA, 2, 512, optimizer="muon"),
    "gpt2, 3 x 700": run(GPT2, 3, 700),
    "gpt2, autocast, 1 x 2,048": run(GPT2, 1, 2048, "amp"),
    "gpt2, fp32": run(GPT2, 2, 512, "fp32"),
    "gpt2, 12 layers, checkpointing": run({**GPT2, "n_layer": 12}, 4, 1024, checkpointing=True),
    "qwen2, tied, vocabulary 151,936": run(QWEN2, 1, 1024),
    "qwen2, autocast": run(QWEN2, 2, 512, "amp"),
    "qwen3": run(QWEN3, 1, 1024),
    "qwen3, autocast, checkpointing": run(QWEN3, 2, 512, "amp", checkpointing=True),
    "mistral, window 256": run(MISTRAL, 2, 1024),
    "mistral, autocast": run(MISTRAL, 1, 512, "amp"),
    "llama, LoRA 4 on all": run(LLAMA, 2, 1024, lora=4, targets="all-linear"),
    "llama, LoRA 32, autocast": run(LLAMA, 2, 1024, "amp", lora=32, targets="q_proj,v_proj"),
    "gpt2, LoRA 8": run(GPT2, 2, 1024, lora=8, targets="c_attn"),
    "llama, LoRA 8, checkpointing": run(LLAMA, 2, 1024, lora=8, targets="q_proj,v_proj",
                                        checkpointing=True),
    "llama, compiled": run(LLAMA, 2, 1024, compile=True),
    "llama, compiled, autocast": run(LLAMA, 2, 1024, "amp", compile=True),
    "llama, DDP of 2": run(LLAMA, 2, 512, parallel="ddp", world=2),
    "llama, DDP of 8, autocast": run(LLAMA, 2, 512, "amp", parallel="ddp", world=8),
    "llama, FSDP 2 of 2": run(LLAMA, 2, 512, parallel="fsdp2", world=2),
    "llama, FSDP 2 of 16, autocast": run(LLAMA, 2, 512, "amp", parallel="fsdp2", world=16),
    "llama, FSDP 2 of 4, checkpointing": run(LLAMA, 2, 1024, parallel="fsdp2", world=4,
                                             checkpointing=True),
    "llama, FSDP 1 of 4": run(LLAMA, 2, 512, parallel="fsdp1", world=4),
    "llama, FSDP 1 of 8, autocast": run(LLAMA, 2, 512, "amp", parallel="fsdp1", world=8),
    "llama, 8-bit AdamW": run(LLAMA, 2, 512, optimizer="adamw-8bit"),
    "llama, 8-bit AdamW, autocast": run(LLAMA, 2, 512, "amp", optimizer="adamw-8bit"),
    "llama, ZeRO 1 of 4": run(LLAMA, 2, 512, parallel="zero1", world=4),
    "llama, ZeRO 2 of 4": run(LLAMA, 2, 512, parallel="zero2", world=4),
    "llama, ZeRO 3 of 4": run(LLAMA, 2, 512, parallel="zero3", world=4),
    "llama, eager attention": run(LLAMA, 2, 512, attention="eager"),
    "llama, eager attention, autocast": run(LLAMA, 2, 512, "amp", attention="eager"),
    "gpt2, eager attention": run(GPT2, 2, 512, attention="eager"),
    "gpt2, eager attention, autocast, 1 x 1,024": run(GPT2, 1, 1024, "amp", attention="eager"),
    "gpt2, fp32, eager attention, checkpointing": run(GPT2, 3, 384, "fp32", attention="eager",
                                                      checkpointing=True),
    "llama, eager attention, 8 heads over 2": run({**LLAMA, "num_key_value_heads": 2}, 3, 400,
                                                  attention="eager"),
    "mistral, eager attention, autocast, 1 x 1,024": run(MISTRAL, 1, 1024, "amp",
                                                         attention="eager"),
    "llama, 24 layers of 256, checkpointing": run(
        {**LLAMA, "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 24,
         "num_attention_heads": 4, "num_key_value_heads": 4}, 8, 512, checkpointing=True),
    "gpt2, 6 heads of 64, vocabulary 8,000, autocast, checkpointing, 4 micro-batches": run(
        {**GPT2, "vocab_size": 8000, "n_embd": 384, "n_head": 6, "n_layer": 7}, 6, 256, "amp",
        checkpointing=True, accumulation=4),
    "gpt2, Muon, autocast": run(GPT2, 2, 512, "amp", optimizer="muon"),
    "qwen2, fp32, fused AdamW, 3 micro-batches": run(QWEN2, 1, 300, "fp32",
                                                     optimizer="adamw-fused", accumulation=3),
    "qwen3, LoRA 16 on all, autocast, checkpointing": run(
        QWEN3, 2, 512, "amp", lora=16, targets="all-linear", checkpointing=True),
    "llama, fp32, Adafactor, tied, 1 x 64": run({**LLAMA, "tie_word_embeddings": True}, 1, 64,
                                                "fp32", optimizer="adafactor"),
    "llama, DDP of 4, checkpointing, 2 micro-batches": run(
        LLAMA, 2, 512, parallel="ddp", world=4, checkpointing=True, accumulation=2),
    "gpt2, FSDP 2 of 8, autocast, checkpointing": run(GPT2, 2, 1024, "amp", parallel="fsdp2",
                                                      world=8, checkpointing=True),
    "gpt2, DDP of 4, autocast": run(GPT2, 2, 512, "amp", parallel="ddp", world=4),
    "gpt2, FSDP 2 of 4": run(GPT2, 2, 512, parallel="fsdp2", world=4),
}


def train(wanted):
    """The program of a dry run: a plain loop over one model."""
    import torch
    import transformers

    settings = dict(wanted["config"])
    config = transformers.AutoConfig.for_model(settings.pop("model_type"), use_cache=False,
                                               **settings)
    world, parallel = wanted.get("world", 1), wanted.get("parallel", "none")
    if world > 1:
        torch.distributed.init_process_group("nccl")
    bf16 = wanted["dtype"] == "bf16"
    amp = wanted["dtype"] == "amp"
    with torch.device("cuda"):
        model = transformers.AutoModelForCausalLM.from_config(
            config, dtype=torch.bfloat16 if bf16 else torch.float32,
            **({"attn_implementation": wanted["attention"]} if "attention" in wanted else {}))
    if wanted.get("lora"):
        import peft

        targets = wanted["targets"]
        model = peft.get_peft_model(model, peft.LoraConfig(
            r=wanted["lora"], target_modules=targets if targets == "all-linear" else
            targets.split(","), task_type="CAUSAL_LM"))
    if wanted.get("checkpointing"):
        model.gradient_checkpointing_enable({"use_reentrant": False})
        if wanted.get("lora"):
            model.enable_input_require_grads()
    model.train()
    blocks = getattr(model, "model", None) or model.transformer
    blocks = blocks.layers if hasattr(blocks, "layers") else getattr(blocks, "h", None)
    sharded = parallel.startswith("fsdp")
    if parallel == "ddp":
        model = torch.nn.parallel.DistributedDataParallel(model)
    elif parallel == "fsdp2":
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        policy = {"mp_policy": MixedPrecisionPolicy(param_dtype=torch.bfloat16)} if amp else {}
        for block in blocks:
            fully_shard(block, **policy)
        fully_shard(model, **policy)
    elif parallel == "fsdp1":
        from torch.distributed.fsdp import FullyShardedDataParallel, MixedPrecision
        from torch.distributed.fsdp.wrap import ModuleWrapPolicy

        mixed = MixedPrecision(param_dtype=torch.bfloat16) if amp else None
        model = FullyShardedDataParallel(
            model, auto_wrap_policy=ModuleWrapPolicy({type(blocks[0])}), mixed_precision=mixed,
            use_orig_params=True, device_id=torch.cuda.current_device())
    if parallel.startswith("zero"):
        return train_deepspeed(wanted, model)
    if wanted.get("compile"):
        model = torch.compile(model)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizers = make_optimizers(wanted.get("optimizer", "adamw"), model, trained)
    vocabulary = wanted["config"]["vocab_size"]
    pieces = wanted.get("accumulation", 1)
    for _ in range(4):
        ids = torch.randint(0, vocabulary, (wanted["batch"], wanted["seq"]), device="cuda")
        for _ in range(pieces):
            with torch.autocast("cuda", dtype=torch.bfloat16, enabled=amp and not sharded):
                loss = model(input_ids=ids, labels=ids).loss
                if pieces > 1:
                    loss = loss / pieces
            loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        del loss, ids


def train_deepspeed(wanted, model):
    import deepspeed
    import torch

    engine, _, _, _ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config={
        "train_micro_batch_size_per_gpu": wanted["batch"],
        "bf16": {"enabled": True, "check_grad_overflow": False},
        "zero_optimization": {"stage": int(wanted["parallel"][-1])},
        "optimizer": {"type": "AdamW", "params": {"lr": 1e-4, "torch_adam": True}},
    })
    vocabulary = wanted["config"]["vocab_size"]
    for _ in range(4):
        ids = torch.randint(0, vocabulary, (wanted["batch"], wanted["seq"]), device="cuda")
        loss = engine(input_ids=ids, labels=ids).loss
        engine.backward(loss)
        engine.step()
        del loss, ids


def make_optimizers(name, model, trained):
    import torch

    if name == "adamw":
        return [torch.optim.AdamW(trained, lr=1e-4)]
    if name == "adamw-fused":
        return [torch.optim.AdamW(trained, lr=1e-4, fused=True)]
    if name == "sgd":
        return [torch.optim.SGD(trained, lr=1e-3, momentum=0.9)]
    if name == "adafactor":
        return [torch.optim.Adafactor(trained, lr=1e-3)]
    if name == "muon":
        tables = ("embed", "lm_head", "wte", "wpe")
        hidden = [p for n, p in model.named_parameters()
                  if p.ndim == 2 and not any(table in n for table in tables)]
        chosen = {id(p) for p in hidden}
        return [torch.optim.Muon(hidden, lr=1e-3),
                torch.optim.AdamW([p for p in trained if id(p) not in chosen], lr=1e-4)]
    if name == "adamw-8bit":
        import bitsandbytes
        from bitsandbytes.backends.cuda import ops

        # Its kernels need a GPU and allocate nothing.
        ops.str2optimizer8bit_blockwise = {"adam": (lambda *_: None,) * 3}
        ops.str2optimizer32bit = {"adam": (lambda *_: None,) * 3}
        return [bitsandbytes.optim.AdamW8bit(trained, lr=1e-4)]
    sys.exit(f"no such optimizer: {name}")


def forecast(vramcast, wanted, config, dry_run):
    """With a mask and without: what transformers reads of the positions to decide that, the counting
    device does not know. The one nearer to the dry run."""
    both = [forecast_with(vramcast, wanted, config, mask) for mask in ("padded", "none")]
    return min(both, key=lambda told: abs(told["mib"] - dry_run))


def forecast_with(vramcast, wanted, config, mask):
    words = [vramcast, "forecast", "--json", "--gpu", H100, "--model", config,
             "--batch-size", str(wanted["batch"]), "--seq-len", str(wanted["seq"]),
             "--dtype", wanted["dtype"], "--optimizer", wanted.get("optimizer", "adamw"),
             "--grad-accum", str(wanted.get("accumulation", 1)),
             "--parallel", wanted.get("parallel", "none"),
             "--world-size", str(wanted.get("world", 1)), "--mask", mask]
    if "attention" in wanted:
        words += ["--attention", wanted["attention"]]
    if wanted.get("lora"):
        words += ["--lora", str(wanted["lora"]), "--lora-targets", wanted["targets"]]
    for flag in ("checkpointing", "compile"):
        if wanted.get(flag):
            words.append("--gradient-checkpointing" if flag == "checkpointing" else "--compile")
    answer = json.loads(subprocess.run(words, capture_output=True, text=True).stdout)
    return {"mib": answer["peak"]["allocated_bytes"] / 2**20, "mask": mask,
            "low": answer["interval"]["low_bytes"] / 2**20,
            "high": answer["interval"]["high_bytes"] / 2**20}


def command_of(wanted):
    world = wanted.get("world", 1)
    launcher = ["torchrun", f"--nproc_per_node={world}"] if world > 1 else ["python"]
    return [*launcher, os.path.abspath(__file__), "--train", json.dumps(wanted)]


def table(rows):
    print("| run | mask | dry run, MiB | forecast, MiB | difference |")
    print("|---|---|---|---|---|")
    for name, made, told in rows:
        if usable(made):
            mask = "yes" if told["mask"] == "padded" else "no"
            print(f"| {name} | {mask} | {made['mib']:,.2f} | {told['mib']:,.2f} | "
                  f"{difference(made['mib'], told['mib'])} |")


def main():
    if sys.argv[1:2] == ["--train"]:
        return train(json.loads(sys.argv[2]))
    options = comparison_options()
    runs = DryRuns(options.vramcast, options.python, "")
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "config.json")

        def dry_run(wanted, flags):
            return runs.run(H100, command_of(wanted), *flags, seconds=1800)

        def told(wanted, measured):
            with open(config, "w") as file:
                json.dump(wanted["config"], file)
            return forecast(runs.vramcast, wanted, config, measured)

        rows = compare(options, RUNS, "model", dry_run, told)
    if options.table:
        table(rows)


if __name__ == "__main__":
    main()
