"""Made-up rows in the shape of the data sets that nanochat's later stages read, so that these stages run
without a network. What matters for memory is how long conversations are; these are 40 to 2,000 words.

usage: made_up_tasks.py FOLDER: fills the base folder of nanochat, and FOLDER/modules with a module
`datasets` for the revisions that use Hugging Face's. NANOCHAT_BASE_DIR=FOLDER and
PYTHONPATH=FOLDER/modules then stand for the network."""

import json
import os
import random
import sys

WORDS = "the model reads a long text and says what comes next in it while memory fills up".split()
ROWS = 12000  # more than the parts that the scripts take

MODULE = '''import sys
sys.path.insert(0, {folder!r})
from made_up_tasks import rows


class Dataset(list):
    def shuffle(self, seed=None):
        return self

    def map(self, function, remove_columns=None):  # which unpacks rows that are not packed here
        return self


def load_dataset(path, name=None, split="train", **_):
    return Dataset(rows(path))
'''


def text(chance, least=20, most=200):
    return " ".join(chance.choices(WORDS, k=chance.randint(least, most)))


def smoltalk(chance):
    turns = chance.randint(1, 5)
    return {"messages": [{"role": role, "content": text(chance)}
                         for _ in range(turns) for role in ("user", "assistant")]}


def mmlu(chance):
    return {"question": text(chance), "subject": "memory", "answer": chance.randrange(4),
            "choices": [text(chance, 2, 10) for _ in range(4)]}


def arc(chance):
    letters = ["A", "B", "C", "D"]
    return {"question": text(chance), "answerKey": chance.choice(letters),
            "choices": {"text": [text(chance, 2, 10) for _ in letters], "label": letters}}


def gsm8k(chance):
    # The longest real question has about 185 tokens.
    return {"question": text(chance, 15, 95), "answer": text(chance) + " <<1+1=2>>2 #### 2"}


def humaneval(chance):
    return {"prompt": "def f(x):\n    " + text(chance), "canonical_solution": "    return x",
            "entry_point": "f", "test": "def check(f):\n    pass", "task_id": "f"}


KINDS = {"HuggingFaceTB/smol-smoltalk": smoltalk, "HuggingFaceTB/smoltalk": smoltalk,
         "cais/mmlu": mmlu, "allenai/ai2_arc": arc, "openai/gsm8k": gsm8k,
         "openai/openai_humaneval": humaneval}
SUBSETS = {"cais/mmlu": ["all", "auxiliary_train"], "allenai/ai2_arc": ["ARC-Easy", "ARC-Challenge"],
           "openai/gsm8k": ["main"], "openai/openai_humaneval": ["openai_humaneval"]}


def rows(path, count=ROWS):
    chance = random.Random(path)
    return [KINDS[path](chance) for _ in range(count)]


def write_shards(folder):
    """As newer revisions keep what they have downloaded."""
    import pyarrow
    import pyarrow.parquet

    for path in KINDS:
        table = pyarrow.Table.from_pylist(rows(path))
        for subset in SUBSETS.get(path, ["default"]):
            for split in ("train", "auxiliary_train", "validation", "test"):
                shards = os.path.join(folder, "task_data", path.replace("/", "--"), subset, split)
                os.makedirs(shards, exist_ok=True)
                pyarrow.parquet.write_table(table, os.path.join(shards, "00000.parquet"))
                with open(os.path.join(shards, "manifest.json"), "w") as file:
                    json.dump(["00000.parquet"], file)


def fill(folder):
    modules = os.path.join(folder, "modules")
    os.makedirs(modules, exist_ok=True)
    with open(os.path.join(modules, "datasets.py"), "w") as file:
        file.write(MODULE.format(folder=os.path.dirname(os.path.abspath(__file__))))
    write_shards(folder)
    with open(os.path.join(folder, "identity_conversations.jsonl"), "w") as file:
        for row in rows("HuggingFaceTB/smoltalk", 500):
            file.write(json.dumps(row["messages"][:2]) + "\n")
    with open(os.path.join(folder, "words_alpha.txt"), "w") as file:
        file.write("\n".join(WORDS * 50) + "\n")
    write_core(os.path.join(folder, "eval_bundle"))


def write_core(bundle):
    """A CORE metric of one small task, for scripts that end with it whatever they are told."""
    os.makedirs(os.path.join(bundle, "eval_data"))
    with open(os.path.join(bundle, "core.yaml"), "w") as file:
        file.write("icl_tasks:\n- label: small\n  dataset_uri: small.jsonl\n"
                   "  num_fewshot: [0]\n  icl_task_type: multiple_choice\n"
                   "  continuation_delimiter: ' '\n")
    with open(os.path.join(bundle, "eval_meta_data.csv"), "w") as file:
        file.write("Eval Task,Random baseline\nsmall,25\n")
    chance = random.Random(1)
    with open(os.path.join(bundle, "eval_data", "small.jsonl"), "w") as file:
        for _ in range(4):
            row = mmlu(chance)
            file.write(json.dumps({"query": row["question"], "choices": row["choices"],
                                   "gold": row["answer"]}) + "\n")


if __name__ == "__main__":
    fill(sys.argv[1])
