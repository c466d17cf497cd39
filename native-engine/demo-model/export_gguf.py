#!/usr/bin/env python3
"""Writes a checkpoint of train.py as switchboard-demo.gguf: Q8_0 matrices, float32 norms, tokenizer and chat template."""

import argparse
import pathlib
import struct
import sys

import numpy as np

import model
import vocabulary

HERE = pathlib.Path(__file__).resolve().parent
GGUF_FILE = HERE / "switchboard-demo.gguf"

VERSION = 3
ALIGNMENT = 32
TYPE_F32, TYPE_Q8_0 = 0, 8
FILE_TYPE_MOSTLY_Q8_0 = 7
QUANTIZATION_VERSION = 2
Q8_0_BLOCK = 32
TOKEN_NORMAL, TOKEN_CONTROL = 1, 3

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

# Metadata value types of GGUF: code, struct format (None: a string).
VALUE_TYPES = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?"), "string": (8, None)}
ARRAY_CODE = 9


def text_bytes(text):
    encoded = text.encode("utf-8")
    return struct.pack("<Q", len(encoded)) + encoded


def value_bytes(kind, value):
    layout = VALUE_TYPES[kind][1]
    return text_bytes(value) if layout is None else struct.pack(layout, value)


def entry_bytes(key, kind, value):
    """One metadata entry; a list becomes a GGUF array."""
    code = VALUE_TYPES[kind][0]
    if isinstance(value, list):
        head = struct.pack("<IIQ", ARRAY_CODE, code, len(value))
        return text_bytes(key) + head + b"".join(value_bytes(kind, item) for item in value)
    return text_bytes(key) + struct.pack("<I", code) + value_bytes(kind, value)


def metadata(shape, tokenizer):
    kinds = [TOKEN_CONTROL if token in vocabulary.CONTROL_TOKENS else TOKEN_NORMAL for token in tokenizer.tokens]
    return [
        ("general.architecture", "string", "llama"),
        ("general.type", "string", "model"),
        ("general.name", "string", "switchboard-demo"),
        ("general.description", "string", "Demonstration model: fraud, content and sensor decisions on synthetic data"),
        ("general.license", "string", "apache-2.0"),
        ("general.size_label", "string", "4M"),
        ("general.languages", "string", ["en"]),
        ("general.sampling.temp", "f32", 0.0),  # decisions by rules: a drawn token is a wrong one
        ("general.file_type", "u32", FILE_TYPE_MOSTLY_Q8_0),
        ("general.quantization_version", "u32", QUANTIZATION_VERSION),
        ("general.alignment", "u32", ALIGNMENT),
        ("llama.vocab_size", "u32", shape.vocabulary),
        ("llama.context_length", "u32", shape.context),
        ("llama.embedding_length", "u32", shape.width),
        ("llama.block_count", "u32", shape.layers),
        ("llama.feed_forward_length", "u32", shape.feed_forward),
        ("llama.attention.head_count", "u32", shape.heads),
        ("llama.attention.head_count_kv", "u32", shape.kv_heads),
        ("llama.attention.key_length", "u32", shape.head_width),
        ("llama.attention.value_length", "u32", shape.head_width),
        ("llama.attention.layer_norm_rms_epsilon", "f32", shape.norm_epsilon),
        ("llama.rope.dimension_count", "u32", shape.head_width),
        ("llama.rope.freq_base", "f32", shape.rope_base),
        ("tokenizer.ggml.model", "string", "gpt2"),
        ("tokenizer.ggml.pre", "string", "llama-bpe"),
        ("tokenizer.ggml.tokens", "string", tokenizer.tokens),
        ("tokenizer.ggml.token_type", "i32", kinds),
        ("tokenizer.ggml.merges", "string", tokenizer.merges),
        ("tokenizer.ggml.bos_token_id", "u32", tokenizer.end_of_text),
        ("tokenizer.ggml.eos_token_id", "u32", tokenizer.turn_end),
        ("tokenizer.ggml.eot_token_id", "u32", tokenizer.turn_end),
        ("tokenizer.ggml.padding_token_id", "u32", tokenizer.end_of_text),
        ("tokenizer.ggml.add_bos_token", "bool", False),
        ("tokenizer.chat_template", "string", CHAT_TEMPLATE),
    ]


def quantise(matrix):
    """Q8_0: each 32 values share a half-precision scale, the largest magnitude being 127 steps of it."""
    blocks = np.asarray(matrix, dtype=np.float32).reshape(-1, Q8_0_BLOCK)
    scales = (np.abs(blocks).max(axis=1, keepdims=True) / 127).astype("<f2")
    steps = scales.astype(np.float32)
    inverse = np.divide(1.0, steps, out=np.zeros_like(steps), where=steps > 0)
    values = np.clip(np.rint(blocks * inverse), -127, 127).astype(np.int8)
    return np.concatenate((scales.view(np.uint8), values.view(np.uint8)), axis=1).tobytes()


def tensor_data(weight):
    """Type and bytes of a tensor: vectors stay in float32."""
    if weight.ndim == 1:
        return TYPE_F32, weight.astype("<f4").tobytes()
    return TYPE_Q8_0, quantise(weight)


def padding(size):
    return b"\0" * (-size % ALIGNMENT)


def gguf_bytes(shape, tokenizer, weights):
    entries = metadata(shape, tokenizer)
    infos, data = bytearray(), bytearray()
    for name, dimensions in shape.tensors().items():
        kind, content = tensor_data(weights[name])
        # GGUF names the fastest-varying dimension, the row's length, first.
        sizes = struct.pack(f"<{len(dimensions)}Q", *reversed(dimensions))
        infos += text_bytes(name) + struct.pack("<I", len(dimensions)) + sizes + struct.pack("<IQ", kind, len(data))
        data += content + padding(len(content))
    head = b"GGUF" + struct.pack("<IQQ", VERSION, len(shape.tensors()), len(entries))
    head += b"".join(entry_bytes(*entry) for entry in entries) + infos
    return head + padding(len(head)) + bytes(data)


def read_checkpoint(path, shape):
    import torch

    try:
        stored = torch.load(path, weights_only=True)["weights"]
    except FileNotFoundError:
        sys.exit(f"error: {path} does not exist: run train.py first")
    weights = {name: weight.float().numpy() for name, weight in stored.items()}
    for name, dimensions in shape.tensors().items():
        if name not in weights or weights[name].shape != dimensions:
            sys.exit(f"error: {path} has no {name} of shape {dimensions}: it was trained with another model shape")
    return weights


def main():
    import train

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=pathlib.Path, default=train.CHECKPOINT, help="default build/checkpoint.pt")
    parser.add_argument("--vocabulary", type=pathlib.Path, default=vocabulary.VOCABULARY_FILE, help="default build/vocabulary.json")
    parser.add_argument("--out", type=pathlib.Path, default=GGUF_FILE, help="default switchboard-demo.gguf")
    arguments = parser.parse_args()

    tokenizer = vocabulary.Tokenizer.load(arguments.vocabulary)
    shape = model.Shape(vocabulary=len(tokenizer.tokens))
    content = gguf_bytes(shape, tokenizer, read_checkpoint(arguments.checkpoint, shape))
    arguments.out.write_bytes(content)
    print(f"{arguments.out}: {len(shape.tensors())} tensors, {len(content) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
