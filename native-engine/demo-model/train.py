#!/usr/bin/env python3
"""Trains switchboard-demo on generated conversations and keeps a checkpoint under build/.

The matrices inside the layers follow Muon (momentum, then the nearest orthogonal matrix by Newton-Schulz
steps), which needs about half the conversations that Adam needs here; embedding and norms follow Adam.
Loss is taken on the assistant's words alone. Products run in bfloat16, weights stay in float32.

More than half of the messages are the hardest of several, as far as the training so far tells: once most are answered
right, most of a batch teaches nothing.
"""

import argparse
import dataclasses
import math
import os
import pathlib
import random
import sys
import time

import torch
import torch.nn.functional as F

import difficulty
import evaluate
import generator
import model
import vocabulary

HERE = pathlib.Path(__file__).resolve().parent
CHECKPOINT = HERE / "build" / "checkpoint.pt"
POOL_BATCHES = 16  # batches drawn together, so that each holds conversations of similar length
SURE = 0.7  # an answer with a less likely token than this counts as missed


@dataclasses.dataclass(frozen=True)
class Example:
    """A conversation: its ids, the id that follows each, whether that one counts (only in an answer), and what was asked."""

    ids: list[int]
    labels: list[int]
    weights: list[float]
    asked: str


def encode_example(tokenizer, messages):
    """The example that a conversation makes."""
    head = len(tokenizer.encode("assistant\n")) + 1
    tail = len(tokenizer.encode("\n"))
    ids, weights = [], []
    for message in messages:
        turn = tokenizer.encode_turn(message["role"], message["content"])
        ids += turn
        spoken = 1.0 if message["role"] == "assistant" else 0.0
        weights += [0.0] * head + [spoken] * (len(turn) - head - tail) + [0.0] * tail
    asked = "\n".join(message["content"] for message in messages if message["role"] == "user")
    return Example(ids[:-1], ids[1:], weights[1:], asked)


def padded(examples):
    """Tokens, labels and weights of several examples, filled up on the right with tokens that do not count."""
    length = max(len(example.ids) for example in examples)
    fill = lambda columns: torch.tensor([column + [0] * (length - len(column)) for column in columns])
    return tuple(fill([getattr(example, name) for example in examples]) for name in ("ids", "labels", "weights"))


def batches_of_pool(tokenizer, seed, pool, tokens_per_batch, reserved, difficulty_of):
    """The batches of one pool, lists of examples. They are the same for the same seed, pool and difficulties, so a resumed
    run sees what it would have seen."""
    rng = random.Random(f"train {seed} {pool}")
    wanted = POOL_BATCHES * tokens_per_batch
    examples, total = [], 0
    while total < wanted:
        examples.append(encode_example(tokenizer, generator.conversation(rng, reserved, difficulty_of)))
        total += len(examples[-1].ids)
    examples.sort(key=lambda example: len(example.ids))
    batches, batch, size = [], [], 0
    for example in examples:
        batch.append(example)
        size += len(example.ids)
        if size >= tokens_per_batch and len(batches) < POOL_BATCHES - 1:
            batches.append(batch)
            batch, size = [], 0
    batches.append(batch)
    rng.shuffle(batches)
    return [batch for batch in batches[:POOL_BATCHES] if batch]


def training_batches(tokenizer, training, tokens_per_batch, reserved):
    """Batch after batch from the step that the training has reached."""
    pool, skip = divmod(training.step, POOL_BATCHES)
    while True:
        if skip == 0:
            training.difficulty.settle()
        yield from batches_of_pool(tokenizer, training.seed, pool, tokens_per_batch, reserved, training.difficulty.of)[skip:]
        pool, skip = pool + 1, 0


def orthogonal(matrix):
    """Newton-Schulz iteration towards the nearest matrix whose singular values are all about 1."""
    x = matrix.to(torch.bfloat16)
    wide = x if x.shape[0] <= x.shape[1] else x.T
    wide = wide / (wide.norm() + 1e-7)
    for a, b, c in ((3.4445, -4.7750, 2.0315),) * 5:
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * (gram @ gram)) @ wide
    return (wide if x.shape[0] <= x.shape[1] else wide.T).float()


class Muon:
    """Momentum with orthogonalised steps, for the two-dimensional weights of the layers."""

    def __init__(self, parameters, momentum=0.95):
        self.parameters = parameters
        self.momentum = momentum
        self.velocity = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def step(self, rate, decay):
        for parameter, velocity in zip(self.parameters, self.velocity):
            velocity.lerp_(parameter.grad, 1 - self.momentum)
            direction = orthogonal(parameter.grad.lerp(velocity, self.momentum))
            parameter.mul_(1 - rate * decay)
            rows, columns = parameter.shape
            parameter.add_(direction, alpha=-rate * max(1.0, rows / columns) ** 0.5)


class Training:
    """Weights, optimisers and the step reached; everything that a checkpoint keeps."""

    def __init__(self, shape, seed, tokenizer):
        self.shape, self.seed, self.step, self.seconds = shape, seed, 0, 0.0
        self.vocabulary_digest = tokenizer.digest()
        self.difficulty = difficulty.Difficulty(tokenizer)
        self.missed, self.seen = 0, 0  # examples since the last line of progress
        self.weights = {name: w.requires_grad_() for name, w in model.new_weights(shape, seed).items()}
        layers = [w for name, w in self.weights.items() if w.dim() == 2 and name.startswith("blk.")]
        others = [w for name, w in self.weights.items() if not (w.dim() == 2 and name.startswith("blk."))]
        self.muon = Muon(layers)
        self.adam = torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.0)
        self.llama = model.Llama(shape, self.weights)

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        state = {
            "step": self.step,
            "seed": self.seed,
            "vocabulary": self.vocabulary_digest,
            "seconds": self.seconds,
            "weights": {name: weight.detach() for name, weight in self.weights.items()},
            "muon": self.muon.velocity,
            "adam": self.adam.state_dict(),
            "difficulty": [torch.from_numpy(part) for part in self.difficulty.state()],
        }
        torch.save(state, part)
        os.replace(part, path)

    def load(self, path):
        state = torch.load(path, weights_only=True)
        if state["seed"] != self.seed:
            sys.exit(f"error: {path} was trained with --seed {state['seed']}, not {self.seed}: remove it or give that seed")
        if state["vocabulary"] != self.vocabulary_digest:
            sys.exit(f"error: {path} was trained with another vocabulary: give --restart, or train that vocabulary again")
        self.step, self.seconds = state["step"], state["seconds"]
        for name, weight in self.weights.items():
            weight.data.copy_(state["weights"][name])
        self.muon.velocity = state["muon"]
        self.adam.load_state_dict(state["adam"])
        self.difficulty.restore([part.numpy() for part in state["difficulty"]])

    def begin_from(self, reader):
        """Takes the weights of a GGUF file; the optimisers begin anew."""
        for name, weight in self.weights.items():
            stored = torch.from_numpy(reader.tensor(name))
            if stored.shape != weight.shape:
                sys.exit(f"error: {name} has the shape {tuple(stored.shape)} in the file, not {tuple(weight.shape)}")
            weight.data.copy_(stored)

    def losses(self, tokens, labels, weights, precision):
        """The loss of each token that counts, example by example."""
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            chosen = weights > 0
            logits = self.llama.logits(self.llama.hidden(tokens, chosen=chosen)).float()
        return F.cross_entropy(logits, labels[chosen], reduction="none")

    def update(self, batch, rate, arguments):
        columns = padded(batch)
        losses = self.losses(*columns, arguments.precision)
        loss = losses.mean()
        loss.backward()
        for example, tokens in zip(batch, losses.detach().split((columns[2] > 0).sum(1).tolist())):
            missed = tokens.max().item() > -math.log(SURE)
            self.missed += missed
            self.difficulty.learn(example.asked, missed)
        self.seen += len(batch)
        torch.nn.utils.clip_grad_norm_(list(self.weights.values()), 1.0)
        self.muon.step(arguments.muon_rate * rate, arguments.decay)
        for group in self.adam.param_groups:
            group["lr"] = arguments.adam_rate * rate
        self.adam.step()
        for weight in self.weights.values():
            weight.grad = None
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def agreement(self, examples):
        """Share of examples whose every answer token is the likeliest one, which is when greedy decoding gives
        the whole answer."""
        right = 0
        for start in range(0, len(examples), 64):
            tokens, labels, weights = padded(examples[start : start + 64])
            with torch.autocast("cpu", torch.bfloat16):
                best = self.llama.logits(self.llama.hidden(tokens)).argmax(-1)
            right += ((best == labels) | (weights == 0)).all(1).sum().item()
        return right / len(examples)


def rate_at(step, steps, hold):
    """Rises over 40 steps, holds up to step `hold`, and falls in a straight line to nothing: until it falls a run may
    still be made longer or shorter, and the loss stands still."""
    return min(1.0, (step + 1) / 40, max(0.0, (steps - step) / (steps - hold)))


def development_sets(tokenizer, seed, reserved, count=192):
    """Examples to watch progress with: neither trained on by design of their seed nor part of the held-out set."""
    result = {}
    for job in generator.JOBS:
        rng = random.Random(f"development {seed} {job}")
        pairs = [pair for pair in (generator.exchange(rng, job) for _ in range(count)) if pair[0] not in reserved]
        turns = [[{"role": "user", "content": p}, {"role": "assistant", "content": a}] for p, a in pairs]
        result[job] = [encode_example(tokenizer, messages) for messages in turns]
    return result


def run(training, tokenizer, arguments):
    reserved = generator.reserved_prompts()
    development = development_sets(tokenizer, arguments.seed, reserved)
    batches = training_batches(tokenizer, training, arguments.batch_tokens, reserved)
    seen, losses, began = 0, [], time.monotonic()
    last = min(arguments.steps, arguments.stop_at or arguments.steps)
    while training.step < last:
        batch = next(batches)
        losses.append(training.update(batch, rate_at(training.step, arguments.steps, arguments.hold), arguments))
        seen += sum(len(example.ids) for example in batch)
        if training.step % 20 == 0 or training.step == last:
            elapsed = time.monotonic() - began
            print(
                f"step {training.step}/{arguments.steps}  loss {sum(losses) / len(losses):.4f}"
                f"  {seen / elapsed:.0f} tokens/s  {training.seconds + elapsed:.0f} s"
                f"  {100 * training.missed / training.seen:.0f}% missed",
                flush=True,
            )
            losses, training.missed, training.seen = [], 0, 0
        if training.step % arguments.check_every == 0 or training.step == last:
            scores = {job: training.agreement(examples) for job, examples in development.items()}
            print("  agreement  " + "  ".join(f"{job} {100 * score:.1f}%" for job, score in scores.items()), flush=True)
            now = time.monotonic()
            training.seconds, began, seen = training.seconds + now - began, now, 0
            training.save(arguments.checkpoint)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=6500, help="steps of the whole run (default 6500)")
    parser.add_argument("--stop-at", type=int, help="stop early at this step; the same command without it resumes")
    parser.add_argument("--batch-tokens", type=int, default=4096, help="tokens in a step (default 4096)")
    parser.add_argument("--hold", type=int, help="step from which the rate falls (default: three tenths of the steps)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=("bf16", "f32"), default="bf16", help="of matrix products (default bf16)")
    parser.add_argument("--muon-rate", type=float, default=0.02)
    parser.add_argument("--adam-rate", type=float, default=0.004)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--check-every", type=int, default=200, help="steps between checks and checkpoints (default 200)")
    parser.add_argument("--checkpoint", type=pathlib.Path, default=CHECKPOINT)
    parser.add_argument("--from", dest="start", type=pathlib.Path, metavar="GGUF", help="begin with the vocabulary and weights of this file, unless there is a checkpoint")
    parser.add_argument("--restart", action="store_true", help="ignore an existing checkpoint")
    arguments = parser.parse_args()
    for name in ("steps", "batch_tokens", "threads", "check_every"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    arguments.hold = 3 * arguments.steps // 10 if arguments.hold is None else arguments.hold
    if not 0 <= arguments.hold < arguments.steps:
        parser.error("--hold must be at least 0 and below --steps")

    torch.set_num_threads(arguments.threads)
    try:
        reader = evaluate.GgufReader(arguments.start) if arguments.start else None
    except evaluate.GgufError as problem:
        sys.exit(f"error: {problem}")
    tokenizer = reader.tokenizer() if reader else vocabulary.Tokenizer.load()
    shape = model.Shape(vocabulary=len(tokenizer.tokens))
    training = Training(shape, arguments.seed, tokenizer)
    if arguments.checkpoint.exists() and not arguments.restart:
        training.load(arguments.checkpoint)
        print(f"resuming {arguments.checkpoint} at step {training.step}")
    elif reader:
        tokenizer.save()
        training.begin_from(reader)
        print(f"beginning with the weights of {arguments.start}")
    print(f"{sum(w.numel() for w in training.weights.values()) / 1e6:.2f} M parameters")
    run(training, tokenizer, arguments)


if __name__ == "__main__":
    main()
