"""Makes what nanochat's base training reads, in a new folder: a tokenizer of any vocabulary size and
a few parquet shards of made-up text. Memory depends on sizes, never on what the text says.

usage: python vramcast_sample_data.py FOLDER VOCABULARY_SIZE
Then run with NANOCHAT_BASE_DIR=FOLDER."""

import os
import pickle
import random
import sys

# The special tokens of nanochat's tokenizer (nanochat/tokenizer.py).
_SPECIAL = ["<|bos|>"] + [f"<|{who}_{edge}|>" for who in ("user", "assistant", "python", "output")
                          for edge in ("start", "end")]
_PATTERN = r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"""
_SHARDS = 3  # the last one is the validation set
_GROUPS, _ROWS = 32, 256  # every rank reads row groups of its own


def make_tokens(count):
    """`count` byte strings such that byte pair encoding can build each from two earlier ones."""
    tokens = [bytes([i]) for i in range(256)]
    letters = [bytes([i]) for i in range(ord("a"), ord("z") + 1)]
    stems = [b" "] + letters
    known = set(tokens)
    at = 0
    while len(tokens) < count:
        for letter in letters:
            token = stems[at] + letter
            if token not in known and len(tokens) < count:
                known.add(token)
                tokens.append(token)
                stems.append(token)
        at += 1
    return tokens


def make_tokenizer(folder, size):
    import tiktoken
    import torch

    plain = size - len(_SPECIAL)
    if plain < 256:
        sys.exit(f"a vocabulary has at least {256 + len(_SPECIAL)} tokens")
    tokens = make_tokens(plain)
    special = {name: plain + i for i, name in enumerate(_SPECIAL)}
    encoding = tiktoken.Encoding(name="rustbpe", pat_str=_PATTERN,
                                 mergeable_ranks={t: i for i, t in enumerate(tokens)},
                                 special_tokens=special)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "tokenizer.pkl"), "wb") as file:
        pickle.dump(encoding, file)
    lengths = [len(t) for t in tokens] + [0] * len(_SPECIAL)
    torch.save(torch.tensor(lengths, dtype=torch.int32), os.path.join(folder, "token_bytes.pt"))


def make_shards(folder):
    import pyarrow
    import pyarrow.parquet

    random.seed(1)
    words = ["".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=random.randint(2, 9)))
             for _ in range(5000)]
    os.makedirs(folder, exist_ok=True)
    text = [" ".join(random.choices(words, k=400)) for _ in range(_ROWS)]
    table = pyarrow.table({"text": text * _GROUPS})
    for shard in range(_SHARDS):
        pyarrow.parquet.write_table(table, os.path.join(folder, f"shard_{shard:05d}.parquet"),
                                    row_group_size=_ROWS)


def main(folder, size):
    make_tokenizer(os.path.join(folder, "tokenizer"), size)
    make_shards(os.path.join(folder, "base_data"))
    # The folder's name since March 2026.
    newer = os.path.join(folder, "base_data_climbmix")
    if not os.path.exists(newer):
        os.symlink("base_data", newer)


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]))
