"""Trains the vocabularies of this folder on corpus.txt and writes them as GGUF files without tensors,
and the texts (texts.inp) that are to become ids. make_golden.mjs writes what they become.

python3 make_vocabularies.py: needs Python 3.9 and nothing else; running it again changes nothing.
"""

import collections
import os
import re
import struct
import unicodedata

SEPARATOR = "\n__ggml_vocab_test__\n"
BYTE_PAIRS, PIECES, WORD_PIECES = 1200, 1000, 1000
NORMAL, UNKNOWN, CONTROL, USER, BYTE = 1, 2, 3, 4, 6

# One byte-level vocabulary, cut into words in each of these ways: name of the file, tokenizer.ggml.pre.
PRES = [
    "default", "gpt-2", "falcon", "llama-bpe", "qwen2", "qwen35", "minicpm5", "tekken", "gpt-4o", "seed-coder",
    "bailingmoe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "bloom", "viking",
]  # fmt: skip


# ---- training: byte pairs, most frequent first, the earlier pair where two are as frequent ----


def merges(words, count):
    """words: Counter of tuples of symbols. The merges in order."""
    words = [[list(word), times] for word, times in sorted(words.items())]
    where = collections.defaultdict(set)
    pairs = collections.Counter()
    for at, (word, times) in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += times
            where[pair].add(at)
    result = []
    while len(result) < count and pairs:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        result.append(best)
        for at in sorted(where.pop(best)):
            word, times = words[at]
            for pair in zip(word, word[1:]):
                pairs[pair] -= times
            merged = joined(word, best)
            words[at][0] = merged
            for pair in zip(merged, merged[1:]):
                pairs[pair] += times
                where[pair].add(at)
        pairs = +pairs
    return result


def joined(word, pair):
    out, at = [], 0
    while at < len(word):
        if tuple(word[at : at + 2]) == pair:
            out.append(word[at] + word[at + 1])
            at += 2
        else:
            out.append(word[at])
            at += 1
    return out


def byte_alphabet():
    """Each byte as the character that stands for it in byte-level vocabularies."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {**{b: chr(b) for b in shown}, **{b: chr(256 + i) for i, b in enumerate(hidden)}}


ALPHABET = byte_alphabet()


def spelled(text):
    return "".join(ALPHABET[byte] for byte in text.encode())


def words_of(text):
    return re.findall(r" ?[^\W\d_]+| ?\d| ?(?:[^\s\w]|_)+|\s+", text)


# ---- the three kinds ----


def byte_pairs(corpus):
    found = merges(collections.Counter(tuple(spelled(w)) for w in words_of(corpus)), BYTE_PAIRS)
    return [ALPHABET[byte] for byte in range(256)], found


def byte_pair_keys(pre, letters, found, before=(), after=(), more=()):
    """before, after: added tokens (text, kind) around those that are merged."""
    tokens = [*before, *((t, NORMAL) for t in letters + unique(a + b for a, b in found)), *after]
    return [
        ("tokenizer.ggml.model", "gpt2"),
        ("tokenizer.ggml.pre", pre),
        ("tokenizer.ggml.tokens", [token for token, _ in tokens]),
        ("tokenizer.ggml.token_type", [kind for _, kind in tokens]),
        ("tokenizer.ggml.merges", [a + " " + b for a, b in found]),
        *((key, value(tokens) if callable(value) else value) for key, value in more),
    ]


def id_of(name):
    return lambda tokens: [token for token, _ in tokens].index(name)


def sentence_pieces(corpus, prefix, added):
    """What is merged first has the highest score, and single characters the lowest."""
    text = corpus.replace(" ", "▁")
    found = merges(collections.Counter(tuple(w) for w in re.findall(r"▁*[^▁\n]+", text)), PIECES)
    characters = [c for c, _ in collections.Counter(text.replace("\n", "")).most_common()]
    tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    tokens += [("<0x%02X>" % byte, BYTE) for byte in range(256)]
    first = len(tokens)
    pieces = unique(["▁" * n for n in (2, 4, 8)] + [a + b for a, b in found]) + characters
    tokens += [(piece, NORMAL) for piece in pieces] + added
    scores = [-float(i - first) if kind == NORMAL else 0.0 for i, (_, kind) in enumerate(tokens)]
    return [
        ("tokenizer.ggml.model", "llama"),
        ("tokenizer.ggml.pre", "default"),
        ("tokenizer.ggml.tokens", [token for token, _ in tokens]),
        ("tokenizer.ggml.scores", scores),
        ("tokenizer.ggml.token_type", [kind for _, kind in tokens]),
        ("tokenizer.ggml.bos_token_id", 1),
        ("tokenizer.ggml.eos_token_id", 2),
        ("tokenizer.ggml.unknown_token_id", 0),
        ("tokenizer.ggml.add_bos_token", True),
        ("tokenizer.ggml.add_eos_token", False),
        ("tokenizer.ggml.add_space_prefix", prefix),
    ]


def word_pieces(corpus):
    """Lower case without accents; a piece that begins a word has the mark that others lack."""
    plain = unicodedata.normalize("NFD", corpus.lower())
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Mn", "Mc", "Cf"))
    words = re.findall(r"[^\W_]+|[^\w\s]|_", plain)
    split = collections.Counter(("▁" + word[0], *word[1:]) for word in words)
    characters = sorted({piece for word in split for piece in word})
    found = unique(characters + [a + b for a, b in merges(split, WORD_PIECES)])
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return [
        ("tokenizer.ggml.model", "bert"),
        ("tokenizer.ggml.pre", "default"),
        ("tokenizer.ggml.tokens", special + found),
        ("tokenizer.ggml.token_type", [CONTROL] * len(special) + [NORMAL] * len(found)),
        ("tokenizer.ggml.unknown_token_id", 1),
        ("tokenizer.ggml.cls_token_id", 2),
        ("tokenizer.ggml.bos_token_id", 2),
        ("tokenizer.ggml.seperator_token_id", 3),
        ("tokenizer.ggml.padding_token_id", 0),
        ("tokenizer.ggml.mask_token_id", 4),
    ]


def unique(values):
    return list(dict.fromkeys(values))


# ---- GGUF ----


def string(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def value(v):
    if isinstance(v, bool):
        return struct.pack("<I?", 7, v)
    if isinstance(v, int):
        return struct.pack("<II", 4, v)
    if isinstance(v, str):
        return struct.pack("<I", 8) + string(v)
    kind, pack = {
        str: (8, string),
        int: (5, lambda i: struct.pack("<i", i)),
        float: (6, lambda f: struct.pack("<f", f)),
    }[type(v[0])]
    return struct.pack("<IIQ", 9, kind, len(v)) + b"".join(map(pack, v))


def write(name, architecture, keys):
    shape = {"block_count": 1, "context_length": 512, "embedding_length": 32, "feed_forward_length": 32,
             "attention.head_count": 1}  # fmt: skip
    keys = [
        ("general.architecture", architecture),
        ("general.name", name),
        *((architecture + "." + key, number) for key, number in shape.items()),
        *keys,
    ]
    with open(name + ".gguf", "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)))
        for key, v in keys:
            f.write(string(key) + value(v))


# ---- texts ----

TEXTS = [
    "", " ", "  ", "   ", "    ", "\t", "\n", "\n\n", "\n\n\n", "\t\n", "\r\n", " \n  \n   \n", "a\u00a0b\u3000c\u200bd",
    "train", " train", "Train", " Train on time", "The train is on time.", " The Train!", "THE TRAIN IS LATE!!!",
    "it's we'll I'd they've don't Y'ALL IT'S", "' era", "''", "x'", "a'B c'd",
    "7", "42", "365", "2026", "31415", "271828", "1234567", "12345678", "3.14159, 1,000,000 and 50%", "x1y22z333",
    "if (x <= 10 && !done) { y += f(x)[0]; } // why?", "def f(x):\n    return {'a': x ** 2}\n", "\tif true; then\n\t\techo \"$HOME\"\n\tfi",
    "snake_case camelCase CONSTANT_NAME kebab-case", "https://example.org/a/b?c=d&e=%20#f", "name@example.org", "C:\\temp\\new.txt",
    "<s>", "</s>", "<unk>", "<|im_start|>user", "<|endoftext|>", "[CLS] [SEP]", "<0x0A>", "<tool>", "a<tool>b", "▁", "a▁b",
    "Die Straße ist 4 ½ m breit, Äpfel und Öl", "L'été, où est la forêt ?", "¿Dónde está el niño?", "Чайник стоит на столе", "Нещо на български",
    "καλημέρα κόσμε", "火车今天8点到站。", "今日は3時に電車が来ます。", "기차가 옵니다", "القطار يصل الآن", "הרכבת מגיעה", "ट्रेन आती है", "รถไฟมาถึง", "រថភ្លើងមកដល់",
    "Tàu đến đúng giờ", "🚆 on 🛤️", "👩‍🔧👩‍👩‍👧 🇪🇺🇩🇪 1️⃣", "e\u0301 vs é", "ﬁne ﬂow", "ⅷ ² ½ ٣ 𝟜", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "\u0007bell \u007f", "ǅ ǆ Ǆ", "İstanbul ıstanbul",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "!!!!!!!!???...,,,;;;", "a  b   c    d", "end ", "end\n", "word\n\n  next", " (", "\n =", "=== --- *** ///", "x" * 60,
]  # fmt: skip

FRAGMENTS = [
    "the ", "The", " and", "ing", "'s", "'S", "'ll", "n't", "I", " ", "  ", "    ", "\n", "\n\n", "\r\n", "\t", "1", "23",
    "4567", "3.14", ",", ".", "!!", "--", "(", ")", '{"a": [1, 2]}', "def f(x):\n    return x", "<b>", "</b>", "é", "ß",
    "Ünïcödé", "привет", " мир", "日本語", "中文", "한국어", "العربية", "ไทย", "हिन्दी", "😀", "👩‍👩‍👧", "🇩🇪", "\u200b", "\u00a0",
    "\u3000", "ﬁ", "½", "²", "٣", "𝔘", "http://x.y/z?q=1", "snake_case", "CamelCase", "ABC", "a", "z", "=", "==", "#", "/*",
    "*/", "\\n", '"', "'", "`", "~", "\u0007", "ñ", "ё",
]  # fmt: skip


def random_texts(count):
    state = 1

    def upto(n):
        nonlocal state
        state = (state * 1103515245 + 12345) & 0xFFFFFFFF
        return (state >> 16) % n

    return ["".join(FRAGMENTS[upto(len(FRAGMENTS))] for _ in range(1 + upto(12))) for _ in range(count)]


def write_texts(file, texts):
    with open(file, "w", encoding="utf-8", newline="") as f:
        f.write(SEPARATOR.join(texts))


# What llama.cpp takes apart in another way than BERT's own tokenizer: combining marks and Hangul.
MARKED = re.compile("[\u0300-\u036f\u0900-\u0dff\u0e00-\u0eff\u1780-\u17ff\u1100-\u11ff\uac00-\ud7a3\ufe00-\ufe0f\u20d0-\u20ff]")


def main():
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    corpus = open("corpus.txt", encoding="utf-8").read()
    texts = TEXTS + random_texts(200)
    write_texts("texts.inp", texts)
    write_texts("words.gguf.inp", [text for text in texts if not MARKED.search(text)])
    letters, found = byte_pairs(corpus)
    end = [("<|endoftext|>", CONTROL), ("<|im_start|>", CONTROL), ("<|im_end|>", CONTROL), ("<tool>", USER)]
    ends = [("tokenizer.ggml.eos_token_id", id_of("<|endoftext|>")), ("tokenizer.ggml.bos_token_id", id_of("<|endoftext|>"))]
    for pre in PRES:
        write("bytes-" + pre, "llama", byte_pair_keys(pre, letters, found, after=end, more=ends))
    # Its unknown token is its end of text, and it has no token for bytes that only rare characters hold.
    rare = {ALPHABET[b] for b in [*range(0xC0, 0xC2), *range(0xF1, 0x100)]}
    code = byte_pair_keys(
        "starcoder",
        [letter for letter in letters if letter not in rare],
        [(a, b) for a, b in found if not rare & set(a + b)],
        before=[("<|endoftext|>", CONTROL), ("<fim_prefix>", CONTROL), ("<fim_middle>", CONTROL), ("<fim_suffix>", CONTROL)],
        more=[*ends, ("tokenizer.ggml.unknown_token_id", id_of("<|endoftext|>"))],
    )
    write("bytes-starcoder", "llama", code)
    write("pieces", "llama", sentence_pieces(corpus, True, []))
    chat = [("<|user|>", CONTROL), ("<|assistant|>", CONTROL), ("<|end|>", CONTROL), ("<tool>", USER), ("</tool>", USER)]
    write("pieces-chat", "llama", sentence_pieces(corpus, True, chat))
    write("pieces-no-prefix", "llama", sentence_pieces(corpus, False, chat))
    write("words", "bert", word_pieces(corpus))


main()
