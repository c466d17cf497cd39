#!/usr/bin/env python3
"""Synthetic conversations for switchboard-demo.

Three jobs, each a user message answered with one line of JSON, and talk:

    fraud    payments.py    {"amount":840,"size":"large","merchant":"overseas","payments":2,"device":"known",
                             "decision":"decline","score":0.83}
    content  messages.py    {"category":"harassment","flag":true}
    sensor   readings.py    {"lowest":"normal","highest":"high","last":"high","trend":"rising","alert":true,"severity":"warning"}
    talk     smalltalk.py   a sentence; for everything unclear: "I can only decide about payments, …"

Each job keeps its facts (`draw`), its rule (`answer`, the only place that decides) and its wordings (`prompt`) apart.
A fact that a wording leaves out counts as ordinary, and the rule is told so. Findings stand before the decision, each
in a place of its own: a model that has written them down has all it needs before its eyes when it decides, and learns
each as one lookup.

Every conversation follows from a seed. `generator.py sample` prints some, `generator.py holdout` writes the held-out
set, which training never sees: a message of it, or of the sets written by hand, is dropped.
"""

import argparse
import json
import pathlib
import random
import sys

import messages
import payments
import readings
import smalltalk

HERE = pathlib.Path(__file__).resolve().parent
HOLDOUT_FILE = HERE / "holdout.jsonl"
HANDWRITTEN_FILE, DEVELOPMENT_FILE, NATURAL_FILE = (HERE / f"{name}.jsonl" for name in ("handwritten", "development", "natural"))
RESERVED_FILES = (HOLDOUT_FILE, HANDWRITTEN_FILE, DEVELOPMENT_FILE, NATURAL_FILE)
JOBS = ("fraud", "content", "sensor", "talk")
JOB_MIX = (50, 18, 16, 16)
HARDEST = 0.6  # share of training's exchanges that are the hardest of DRAWS
DRAWS = 8
VOCABULARY_WEIGHT = 60  # how often the vocabulary counts each form of a place
MAKERS = {"fraud": payments, "content": messages, "sensor": readings}

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are switchboard-demo.",
    "You decide about payments, chat messages and sensor readings. Answer with one line of JSON.",
    "Answer with JSON only.",
    "Be brief.",
)


def exchange(rng, job):
    """One user message of the job and its answer, as they come."""
    if job == "talk":
        return smalltalk.talk_pair(rng)
    facts = MAKERS[job].draw(rng)
    return MAKERS[job].prompt(rng, facts), MAKERS[job].answer(facts)


def practice(rng, job, difficulty_of):
    """An exchange to train on. A share of them is the hardest of several: as they come, most are answered right and teach
    nothing, and some wordings are met so seldom that they were still guessed after 27 million tokens."""
    if difficulty_of is None or rng.random() >= HARDEST:
        return exchange(rng, job)
    return max((exchange(rng, job) for _ in range(DRAWS)), key=lambda pair: difficulty_of(pair[0]))


def job_mix(rng):
    return rng.choices(JOBS, JOB_MIX)[0]


def conversation(rng, reserved=frozenset(), difficulty_of=None):
    """A list of chat messages: mostly one exchange, sometimes more, sometimes under a system prompt. `difficulty_of` ranks
    messages that may be drawn instead of each other."""
    turns = []
    if rng.random() < 0.08:
        turns.append({"role": "system", "content": rng.choice(SYSTEM_PROMPTS)})
    for _ in range(rng.choice((1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3))):
        prompt, answer = practice(rng, job_mix(rng), difficulty_of)
        while prompt in reserved:
            prompt, answer = practice(rng, job_mix(rng), difficulty_of)
        turns += [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
    return turns


def holdout(seed, count_per_job):
    """Different user messages for each job, drawn from a seed that training does not use."""
    for job in JOBS:
        rng, seen = random.Random(f"holdout {seed} {job}"), set()
        while len(seen) < count_per_job:
            prompt, answer = exchange(rng, job)
            if prompt in seen:
                continue
            seen.add(prompt)
            example = {"job": job, "prompt": prompt, "answer": answer}
            if job == "fraud":
                # The invented world: how many of so many payments alike turned out as frauds.
                share = json.loads(answer)["score"]
                example["frauds"] = sum(rng.random() < share for _ in range(payments.OUTCOMES))
            yield example


def read_examples(path):
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        sys.exit(f"error: {path} does not exist" + (": run generator.py holdout first" if path == HOLDOUT_FILE else ""))


def reserved_prompts():
    """Messages that training must not see."""
    return frozenset(example["prompt"] for path in RESERVED_FILES for example in read_examples(path))


def vocabulary_texts(seed, count):
    """Messages to count pairs in, for the BPE vocabulary."""
    rng = random.Random(f"vocabulary {seed}")
    for _ in range(count):
        yield from (message["content"] for message in conversation(rng))
    # Each place stands in few conversations. In pieces of one letter or two, "CN" and "NIGERIA" were taken for places at home.
    for place in payments.places():
        yield from (form for form in place_forms(place) for _ in range(VOCABULARY_WEIGHT))


def place_forms(place):
    """A place as sentences, lists and JSON write it; pieces of text begin with the character before a word."""
    if len(place) <= 3:
        return (before + case for case in (place, place.lower()) for before in (" ", '"', ":", "=", "/", ""))
    return (f" {place}", f" {place.lower()}", f" {place.upper()}", f'"{place}', f":{place}", place)


def main():
    parser = argparse.ArgumentParser(description="Synthetic conversations of switchboard-demo and the rules behind them.")
    commands = parser.add_subparsers(dest="command", required=True)
    sample = commands.add_parser("sample", help="print a few prompts and answers")
    sample.add_argument("--count", type=int, default=10, help="how many (default 10)")
    sample.add_argument("--job", choices=JOBS, help="only this job")
    sample.add_argument("--seed", type=int, default=1)
    held = commands.add_parser("holdout", help="write the held-out set")
    held.add_argument("--count", type=int, default=600, help="per job (default 600)")
    held.add_argument("--seed", type=int, default=1)
    held.add_argument("--out", type=pathlib.Path, default=HOLDOUT_FILE)
    arguments = parser.parse_args()
    if arguments.count < 1:
        parser.error("--count must be at least 1")

    if arguments.command == "sample":
        rng = random.Random(f"sample {arguments.seed}")
        for _ in range(arguments.count):
            prompt, answer = exchange(rng, arguments.job or job_mix(rng))
            print(f"{prompt}\n    {answer}\n")
    else:
        with open(arguments.out, "w", encoding="utf-8") as file:
            for example in holdout(arguments.seed, arguments.count):
                file.write(json.dumps(example, ensure_ascii=False) + "\n")
        print(f"{arguments.out}: {arguments.count} for each of {', '.join(JOBS)}")


if __name__ == "__main__":
    main()
