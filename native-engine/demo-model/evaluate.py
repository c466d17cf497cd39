#!/usr/bin/env python3
"""Measures how often switchboard-demo is right: on the held-out set and on two sets written by hand.

Without --url it reads the GGUF, dequantises it and decodes greedily with PyTorch. With --url it asks a running
server at /v1/chat/completions, and needs nothing but Python. Where a set holds the rules' whole line, an answer is
right when it is equal; natural.jsonl and development.jsonl hold the fields that have to be right. Exits with 1 when
a set stays below its goals, or a score is more than 5 points from the observed rate of frauds.
"""

import argparse
import collections
import concurrent.futures
import json
import pathlib
import struct
import sys
import time
import urllib.error
import urllib.request

import generator
import payments
import smalltalk

HERE = pathlib.Path(__file__).resolve().parent
DECISION_FIELD = {"fraud": "decision", "content": "category", "sensor": "severity"}
MOST_ANSWER_TOKENS = 64
UNCLEAR = smalltalk.FALLBACK.partition(".")[0]
CALIBRATION = 0.05  # furthest that a score may be from the observed rate
FEW = 10  # a score given to fewer payments has no observed rate to speak of

Goals = collections.namedtuple("Goals", "file kinds answers each_job")
SETS = {
    "held-out": Goals(generator.HOLDOUT_FILE, 0.97, 0.97, True),
    "handwritten": Goals(generator.HANDWRITTEN_FILE, 0, 0.9, False),
    "natural": Goals(generator.NATURAL_FILE, 0.95, 0.90, False),
    "development": Goals(generator.DEVELOPMENT_FILE, 0, 0, False),
}


class GgufError(Exception):
    """The file is not a GGUF that this reader understands."""


class GgufReader:
    """Metadata and tensors of a GGUF file, as far as switchboard-demo uses the format."""

    SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
    STRING, ARRAY = 8, 9
    F32, Q8_0 = 0, 8

    def __init__(self, path):
        try:
            self.content = pathlib.Path(path).read_bytes()
        except OSError as problem:
            raise GgufError(f"{path}: {problem.strerror}") from problem
        self.at = 0
        if self.content[:4] != b"GGUF":
            raise GgufError(f"{path}: not a GGUF file")
        self.at = 4
        version, tensor_count, entry_count = self.unpack("<IQQ")
        if version != 3:
            raise GgufError(f"{path}: GGUF version {version}, expected 3")
        self.metadata = {}
        for _ in range(entry_count):
            key = self.string()
            self.metadata[key] = self.value(self.unpack("<I")[0])
        self.infos = {}
        for _ in range(tensor_count):
            name = self.string()
            sizes = self.unpack(f"<{self.unpack('<I')[0]}Q")
            self.infos[name] = (sizes[::-1], *self.unpack("<IQ"))
        alignment = self.metadata.get("general.alignment", 32)
        self.data_start = -(-self.at // alignment) * alignment

    def unpack(self, layout):
        size = struct.calcsize(layout)
        if self.at + size > len(self.content):
            raise GgufError("the file ends too early")
        result = struct.unpack_from(layout, self.content, self.at)
        self.at += size
        return result

    def string(self):
        return self.unpack(f"{self.unpack('<Q')[0]}s")[0].decode("utf-8")

    def value(self, kind):
        if kind == self.STRING:
            return self.string()
        if kind == self.ARRAY:
            item, count = self.unpack("<IQ")
            return [self.value(item) for _ in range(count)]
        if kind not in self.SCALARS:
            raise GgufError(f"unknown metadata type {kind}")
        return self.unpack(self.SCALARS[kind])[0]

    def tokenizer(self):
        import vocabulary

        return vocabulary.Tokenizer(self.metadata["tokenizer.ggml.tokens"], self.metadata["tokenizer.ggml.merges"])

    def tensor(self, name):
        """The tensor in float32, dequantised."""
        import numpy as np

        if name not in self.infos:
            raise GgufError(f"tensor {name} is missing")
        sizes, kind, offset = self.infos[name]
        start, count = self.data_start + offset, int(np.prod(sizes))
        if kind == self.F32:
            return np.frombuffer(self.content, "<f4", count, start).reshape(sizes).copy()
        if kind == self.Q8_0:
            block = np.dtype([("scale", "<f2"), ("values", "i1", 32)])
            blocks = np.frombuffer(self.content, block, count // 32, start)
            return (blocks["values"] * blocks["scale"].astype(np.float32)[:, None]).reshape(sizes)
        raise GgufError(f"tensor {name} has type {kind}; this reader knows F32 and Q8_0")


class LocalModel:
    """Greedy decoding of the GGUF with PyTorch."""

    def __init__(self, path, threads):
        try:
            import torch
        except ImportError:
            sys.exit("error: PyTorch is missing: apt install python3-torch, or ask a server with --url")
        import model

        torch.set_num_threads(threads)
        reader = GgufReader(path)
        keys = reader.metadata
        self.torch = torch
        self.tokenizer = reader.tokenizer()
        self.end = keys["tokenizer.ggml.eos_token_id"]
        shape = model.Shape(
            vocabulary=len(self.tokenizer.tokens),
            width=keys["llama.embedding_length"],
            layers=keys["llama.block_count"],
            heads=keys["llama.attention.head_count"],
            kv_heads=keys["llama.attention.head_count_kv"],
            head_width=keys["llama.rope.dimension_count"],
            feed_forward=keys["llama.feed_forward_length"],
            context=keys["llama.context_length"],
            rope_base=keys["llama.rope.freq_base"],
            norm_epsilon=keys["llama.attention.layer_norm_rms_epsilon"],
        )
        weights = {name: torch.from_numpy(reader.tensor(name)) for name in shape.tensors()}
        self.llama = model.Llama(shape, weights)
        self.new_cache = model.Cache

    def answers(self, prompts, batch_size=64):
        """The answer to each prompt; prompts of equal length share a batch, so none needs padding."""
        encoded = [self.tokenizer.encode_prompt([{"role": "user", "content": prompt}]) for prompt in prompts]
        by_length = collections.defaultdict(list)
        for index, ids in enumerate(encoded):
            by_length[len(ids)].append(index)
        result = [""] * len(prompts)
        for indexes in by_length.values():
            for start in range(0, len(indexes), batch_size):
                chosen = indexes[start : start + batch_size]
                for index, ids in zip(chosen, self.decode([encoded[i] for i in chosen])):
                    result[index] = self.tokenizer.decode(ids)
        return result

    def decode(self, prompts):
        torch = self.torch
        tokens, cache = torch.tensor(prompts), self.new_cache()
        length, answers = tokens.shape[1], [[] for _ in prompts]
        finished = [False] * len(prompts)
        with torch.no_grad():
            hidden = self.llama.hidden(tokens, cache=cache)
            for step in range(MOST_ANSWER_TOKENS):
                best = self.llama.logits(hidden[:, -1]).argmax(-1)
                for row, token in enumerate(best.tolist()):
                    finished[row] = finished[row] or token == self.end
                    if not finished[row]:
                        answers[row].append(token)
                if all(finished):
                    break
                # One new token sees all before it: nothing to hide.
                hidden = self.llama.hidden(
                    best[:, None], torch.tensor([length + step]), cache, torch.zeros(1, length + step + 1)
                )
        return answers


class Server:
    """A running server, asked over HTTP."""

    def __init__(self, url, name, concurrency, timeout):
        self.endpoint = url.rstrip("/") + "/v1/chat/completions"
        self.name, self.concurrency, self.timeout = name, concurrency, timeout

    def answers(self, prompts):
        with concurrent.futures.ThreadPoolExecutor(self.concurrency) as pool:
            return list(pool.map(self.answer, prompts))

    def answer(self, prompt):
        body = {
            "model": self.name,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": MOST_ANSWER_TOKENS,
        }
        request = urllib.request.Request(
            self.endpoint, json.dumps(body).encode("utf-8"), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                return json.load(response)["choices"][0]["message"]["content"]
        except urllib.error.HTTPError as refusal:
            refusal.msg = f"{refusal.msg}: {refusal.read().decode('utf-8', errors='replace')[:400]}"
            raise


def fields_of(answer):
    """The answer's fields; none when it is a sentence."""
    try:
        fields = json.loads(answer)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def kind_of(answer):
    fields = fields_of(answer)
    return next((job for job, name in DECISION_FIELD.items() if name in fields), "talk")


def is_right(example, answer):
    """Whether the answer is the rules' own: the whole line, or the fields that a person wrote down as the right ones."""
    expected = example["answer"]
    if isinstance(expected, str):
        return answer == expected
    if example["job"] == "unclear":
        return answer.startswith(UNCLEAR)
    fields = fields_of(answer)
    return kind_of(answer) == kind_wanted(example) and all(fields.get(name) == value for name, value in expected.items())


def wrong_fields(example, answer):
    """Names of the fields that differ; "kind" when the answer is of another job or no line of JSON at all."""
    expected = example["answer"]
    expected = fields_of(expected) if isinstance(expected, str) else expected
    fields = fields_of(answer)
    if kind_of(answer) != kind_wanted(example) or not fields:
        return ["kind"]
    return [name for name, value in expected.items() if fields.get(name) != value]


def kind_wanted(example):
    return example["job"] if example["job"] in DECISION_FIELD else "talk"


def share(hits):
    return sum(hits) / len(hits)


def report(title, examples, answers, goals, show_errors):
    """Prints one set's shares of right kinds and right answers, job by job; true when all together reach the goals.
    `goals` holds the least share of kinds and of answers; an answer's goal of a set with whole lines counts for each job."""
    print(f"{title:14} {'examples':>8} {'kind':>7} {'answer':>7}")
    pairs = list(zip(examples, answers))
    rows = {job: [pair for pair in pairs if pair[0]["job"] == job] for job in dict.fromkeys(e["job"] for e in examples)}
    good = True
    for job, chosen in [*rows.items(), ("all", pairs)]:
        kinds = share([kind_of(answer) == kind_wanted(example) for example, answer in chosen])
        right = share([is_right(example, answer) for example, answer in chosen])
        print(f"  {job:12} {len(chosen):8} {100 * kinds:6.1f}% {100 * right:6.1f}%")
        if job == "all" or goals.each_job:
            good = good and kinds >= goals.kinds and right >= goals.answers
        wrong = [(e, a) for e, a in chosen if not is_right(e, a)] if job != "all" else []
        if wrong and show_errors:
            fields = collections.Counter(name for e, a in wrong for name in wrong_fields(e, a))
            print(f"    {len(wrong)} wrong: " + ", ".join(f"{name} {count}" for name, count in fields.most_common()))
        for example, answer in wrong[:show_errors]:
            print(f"    {example['prompt']!r}\n      right  {example['answer']}\n      model  {answer}")
    return good


def calibration(examples, answers):
    """Prints, for each score that the model gave, the frauds among payments like those; true when all are near it."""
    outcomes = collections.defaultdict(list)
    for example, answer in zip(examples, answers):
        score = fields_of(answer).get("score")
        if "frauds" in example and isinstance(score, (int, float)):
            outcomes[score].append(example["frauds"] / payments.OUTCOMES)
    if not outcomes:
        return True
    print(f"{'score':14} {'payments':>8} {'observed':>8}")
    for score, shares in sorted(outcomes.items()):
        print(f"  {score:<12} {len(shares):8} {100 * share(shares):7.1f}%")
    return all(abs(score - share(shares)) <= CALIBRATION for score, shares in outcomes.items() if len(shares) >= FEW)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=pathlib.Path, default=HERE / "switchboard-demo.gguf", help="default switchboard-demo.gguf")
    parser.add_argument("--set", action="append", choices=SETS, dest="sets", help="only this set; repeat for several (default: all but development)")
    parser.add_argument("--limit", type=int, help="ask only so many examples of each job")
    parser.add_argument("--show-errors", type=int, default=0, metavar="N", help="print N wrong answers of each job, and how often each field was wrong")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch (default 1)")
    parser.add_argument("--ask", metavar="TEXT", help="print the answer to one message and stop")
    parser.add_argument("--url", help="ask a server instead, for example http://localhost:8080")
    parser.add_argument("--model", default="switchboard-demo", help="model name for --url (default switchboard-demo)")
    parser.add_argument("--concurrency", type=int, default=4, help="requests at once for --url (default 4)")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one request of --url (default 60)")
    arguments = parser.parse_args()
    if arguments.concurrency < 1 or arguments.threads < 1 or (arguments.limit is not None and arguments.limit < 1):
        parser.error("--concurrency, --threads and --limit must be at least 1")
    return arguments


def limited(examples, limit):
    taken = collections.Counter()
    for example in examples:
        taken[example["job"]] += 1
        if limit is None or taken[example["job"]] <= limit:
            yield example


def main():
    arguments = parse_arguments()
    if arguments.url:
        answerer = Server(arguments.url, arguments.model, arguments.concurrency, arguments.timeout)
    else:
        answerer = LocalModel(arguments.gguf, arguments.threads)
    if arguments.ask:
        print(answerer.answers([arguments.ask])[0])
        return 0
    failed = []
    for name in arguments.sets or [name for name in SETS if name != "development"]:
        examples = list(limited(generator.read_examples(SETS[name].file), arguments.limit))
        began = time.monotonic()
        answers = answerer.answers([example["prompt"] for example in examples])
        seconds = time.monotonic() - began
        good = report(name, examples, answers, SETS[name], arguments.show_errors)
        calibrated = calibration(examples, answers)
        failed += [name] * (not good) + [f"scores of {name}"] * (not calibrated)
        print(f"{len(examples)} answers in {seconds:.1f} s from {arguments.url or arguments.gguf}\n")
    if failed:
        print(f"below the goals: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (GgufError, urllib.error.URLError, TimeoutError, ConnectionError) as problem:
        sys.exit(f"error: {problem}")
