"""A small language for wordings: one template stands for many sentences.

    <a|b|c>   one of the alternatives, which may hold templates themselves; an empty one is allowed
    {name}    what the slot of that name says: a text, a list to choose from, or a function of the random source
"""

import functools
import random  # noqa: F401  (the type of every rng)

NEAR = {"a": "s", "b": "v", "c": "x", "d": "s", "e": "r", "f": "g", "g": "h", "h": "j", "i": "o", "k": "l", "l": "k", "m": "n",
        "n": "m", "o": "p", "p": "o", "r": "t", "s": "a", "t": "r", "u": "i", "v": "b", "w": "e", "y": "t"}  # fmt: skip
SHORT = {"please": "pls", "you": "u", "your": "ur", "are": "r", "payment": "pymt", "transaction": "tx", "temperature": "temp",
         "because": "bc", "thanks": "thx", "people": "ppl", "and": "&", "to": "2", "message": "msg", "okay": "ok"}  # fmt: skip


@functools.lru_cache(maxsize=None)
def parsed(template):
    return parse(template, 0, "")[0]


def parse(text, at, enders):
    """Items up to one of the enders: texts, ("slot", name) and ("any", alternatives)."""
    items, plain = [], ""
    while at < len(text) and text[at] not in enders:
        if text[at] not in "<{":
            plain, at = plain + text[at], at + 1
            continue
        if plain:
            items.append(plain)
            plain = ""
        if text[at] == "{":
            end = text.index("}", at)
            items.append(("slot", text[at + 1 : end]))
            at = end + 1
        else:
            choices = []
            while text[at] != ">":
                choice, at = parse(text, at + 1, "|>")
                if at >= len(text):
                    raise ValueError(f"'<' without '>' in: {text}")
                choices.append(choice)
            items.append(("any", tuple(choices)))
            at += 1
    if plain:
        items.append(plain)
    return tuple(items), at


def say(rng, template, slots=None):
    return "".join(spoken(rng, item, slots or {}) for item in parsed(template))


def spoken(rng, item, slots):
    if isinstance(item, str):
        return item
    kind, content = item
    if kind == "any":
        return "".join(spoken(rng, part, slots) for part in rng.choice(content))
    value = slots[content]
    if callable(value):
        return value(rng)
    return value if isinstance(value, str) else say(rng, rng.choice(value), slots)


def misspelt(rng, word):
    """The word with one slip of the fingers."""
    at = rng.randrange(1, len(word) - 1)
    slip = rng.choice(("drop", "swap", "double", "near"))
    if slip == "drop":
        return word[:at] + word[at + 1 :]
    if slip == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if slip == "double":
        return word[:at] + word[at] + word[at:]
    return word[:at] + NEAR.get(word[at].lower(), word[at]) + word[at + 1 :]


def roughened(rng, text):
    """As people type: some misspell, shorten, shout, or leave out capitals and the last full stop. Digits stay."""
    if rng.random() < 0.16:
        words = text.split(" ")
        long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha() and word.isascii()]
        for i in rng.sample(long, min(len(long), rng.choice((1, 1, 2)))):
            words[i] = misspelt(rng, words[i])
        text = " ".join(words)
    if rng.random() < 0.06:
        text = " ".join(SHORT.get(word, word) for word in text.split(" "))
    style = rng.random()
    if style < 0.22:
        text = text.lower()
    elif style < 0.26:
        text = text.upper()
    elif style < 0.60 and text:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.12:
        text = text.rstrip(".!?")
    elif rng.random() < 0.04:
        text += rng.choice(("!", "!!", "...", " ", "\n", " :)"))
    return text
