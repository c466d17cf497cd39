#!/usr/bin/env python3
"""The byte-level BPE vocabulary of switchboard-demo: how it is trained, and how text becomes token ids.

Text is cut into pieces as GGUF's "llama-bpe" pre-tokenizer does: words with the character before them, and
numbers of up to three digits. Digits are never merged: each is a token of its own, so a number of any length is
copied digit by digit, and its separators do not change its tokens. Merges never cross a piece.
"""

import argparse
import collections
import functools
import hashlib
import json
import pathlib
import re
import sys
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY_FILE = HERE / "build" / "vocabulary.json"

END_OF_TEXT = "<|endoftext|>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
CONTROL_TOKENS = (END_OF_TEXT, TURN_START, TURN_END)

# Each character is replaced by the letter of its class, and the expression then runs over classes:
# the standard library's `re` knows no \p{L}, and the apostrophe forms are found on the text itself.
PIECE_BY_CLASS = re.compile(r"[SsO]?L+|N{1,3}|S?O+n*|[Ssn]*n+|[Ssn]+(?![LNO])|[Ssn]+")
CONTRACTION = re.compile(r"'(?:s|t|re|ve|m|ll|d)", re.IGNORECASE)


def byte_alphabet():
    """The printable stand-in of each byte value, as GPT-2 chose them: readable bytes stand for themselves."""
    readable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    stand_ins = iter(range(0x100, 0x200))
    return [chr(byte) if byte in readable else chr(next(stand_ins)) for byte in range(256)]


BYTE_TO_CHARACTER = byte_alphabet()
CHARACTER_TO_BYTE = {character: byte for byte, character in enumerate(BYTE_TO_CHARACTER)}


@functools.lru_cache(maxsize=4096)
def character_class(character):
    """L letter, N number, S the space itself, n the end of a line, s other white space, O anything else."""
    if character == " ":
        return "S"
    if character in "\r\n":
        return "n"
    if character.isspace() and unicodedata.category(character)[0] != "C" or character in "\t\n\v\f\r\x85":
        return "s"
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "O"


def pieces(text):
    """Cuts text as the llama-bpe pre-tokenizer does; the pieces joined are the text again."""
    result, position = [], 0
    classes = "".join(map(character_class, text))
    while position < len(text):
        found = CONTRACTION.match(text, position) or PIECE_BY_CLASS.match(classes, position)
        result.append(text[position : found.end()])
        position = found.end()
    return result


def to_alphabet(piece):
    return "".join(BYTE_TO_CHARACTER[byte] for byte in piece.encode("utf-8"))


class Tokenizer:
    """Encodes and decodes text with one vocabulary; the ids are positions in `tokens`."""

    def __init__(self, tokens, merges):
        self.tokens = tokens
        self.merges = merges
        self.ids = {token: index for index, token in enumerate(tokens)}
        self.ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(merges)}
        self.end_of_text, self.turn_start, self.turn_end = (self.ids[t] for t in CONTROL_TOKENS)
        self.piece_ids = functools.lru_cache(maxsize=65536)(self.encode_piece)

    @staticmethod
    def load(path=VOCABULARY_FILE):
        try:
            stored = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            sys.exit(f"error: {path} does not exist: run vocabulary.py first")
        return Tokenizer(stored["tokens"], stored["merges"])

    def save(self, path=VOCABULARY_FILE):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {"tokens": self.tokens, "merges": self.merges}
        path.write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")

    def digest(self):
        """Names this vocabulary: weights of another one would be meaningless with it."""
        return hashlib.sha256("\n".join(self.tokens + self.merges).encode("utf-8")).hexdigest()

    def encode_piece(self, piece):
        symbols = list(to_alphabet(piece))
        while len(symbols) > 1:
            ranked = [(self.ranks.get(pair, sys.maxsize), at) for at, pair in enumerate(zip(symbols, symbols[1:]))]
            rank, at = min(ranked)
            if rank == sys.maxsize:
                break
            symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
        return tuple(self.ids[symbol] for symbol in symbols)

    def encode(self, text):
        """Ids of plain text: the names of control tokens in it are ordinary characters."""
        return [token for piece in pieces(text) for token in self.piece_ids(piece)]

    def decode(self, ids):
        text = "".join(self.tokens[token] for token in ids if self.tokens[token] not in CONTROL_TOKENS)
        return bytes(CHARACTER_TO_BYTE[character] for character in text).decode("utf-8", errors="replace")

    def encode_turn(self, role, content):
        """One ChatML turn; the chat template in the GGUF renders the same text."""
        return [self.turn_start, *self.encode(f"{role}\n{content}"), self.turn_end, *self.encode("\n")]

    def encode_prompt(self, messages):
        """A conversation ready for the assistant's answer."""
        ids = [token for message in messages for token in self.encode_turn(message["role"], message["content"])]
        return ids + [self.turn_start, *self.encode("assistant\n")]


def train(texts, size):
    """Byte-pair encoding: joins the most frequent neighbours until the vocabulary has `size` tokens.

    Ties go to the pair that sorts first, so the same texts always give the same vocabulary.
    """
    counts = collections.Counter(piece for text in texts for piece in pieces(text) if not piece.isdigit())
    words = [(list(to_alphabet(piece)), count) for piece, count in sorted(counts.items())]
    pair_counts, pair_words = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, count) in enumerate(words):
        for pair in zip(symbols, symbols[1:]):
            pair_counts[pair] += count
            pair_words[pair].add(index)

    tokens, merges = [*BYTE_TO_CHARACTER, *CONTROL_TOKENS], []
    known = set(tokens)
    while len(tokens) < size:
        pair = min(pair_counts, key=lambda p: (-pair_counts[p], p), default=None)
        if pair is None or pair_counts[pair] <= 0:
            sys.exit(f"error: the texts hold only {len(tokens)} tokens, {size} wanted: give --texts more")
        merges.append(" ".join(pair))
        if "".join(pair) not in known:
            known.add("".join(pair))
            tokens.append("".join(pair))
        for index in pair_words.pop(pair):
            merge_in_word(words[index], pair, index, pair_counts, pair_words)
        del pair_counts[pair]
    return Tokenizer(tokens, merges)


def merge_in_word(word, pair, index, pair_counts, pair_words):
    symbols, count = word
    for old in zip(symbols, symbols[1:]):
        pair_counts[old] -= count
    at = 0
    while at < len(symbols) - 1:
        if (symbols[at], symbols[at + 1]) == pair:
            symbols[at : at + 2] = ["".join(pair)]
        at += 1
    for new in zip(symbols, symbols[1:]):
        pair_counts[new] += count
        pair_words[new].add(index)


def main():
    import generator

    parser = argparse.ArgumentParser(
        description="Trains the BPE vocabulary on generated conversations and writes build/vocabulary.json."
    )
    parser.add_argument("--size", type=int, default=6144, help="tokens in the vocabulary (default 6144)")
    parser.add_argument("--texts", type=int, default=40000, help="conversations to count (default 40000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the conversations (default 1)")
    parser.add_argument("--out", type=pathlib.Path, default=VOCABULARY_FILE, help="file to write")
    arguments = parser.parse_args()
    if arguments.size < 256 + len(CONTROL_TOKENS):
        parser.error(f"--size must be at least {256 + len(CONTROL_TOKENS)}: every byte and control token needs one")

    tokenizer = train(generator.vocabulary_texts(arguments.seed, arguments.texts), arguments.size)
    tokenizer.save(arguments.out)
    print(f"{arguments.out}: {len(tokenizer.tokens)} tokens, {len(tokenizer.merges)} merges")


if __name__ == "__main__":
    main()
