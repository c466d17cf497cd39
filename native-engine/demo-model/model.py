"""The llama architecture of switchboard-demo in PyTorch, with the shape that train.py and evaluate.py share."""

import dataclasses

import torch
import torch.nn.functional as F


@dataclasses.dataclass(frozen=True)
class Shape:
    """The model's dimensions. Every row length is a multiple of 64, so two ranks can split each tensor in
    whole Q8_0 blocks of 32 values."""

    vocabulary: int = 6144
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    head_width: int = 32
    feed_forward: int = 704
    context: int = 2048
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    def tensors(self):
        """GGUF name -> dimensions (rows first) of every weight, in file order."""
        query, kv = self.heads * self.head_width, self.kv_heads * self.head_width
        result = {"token_embd.weight": (self.vocabulary, self.width)}
        for layer in range(self.layers):
            block = {
                "attn_norm": (self.width,),
                "attn_q": (query, self.width),
                "attn_k": (kv, self.width),
                "attn_v": (kv, self.width),
                "attn_output": (self.width, query),
                "ffn_norm": (self.width,),
                "ffn_gate": (self.feed_forward, self.width),
                "ffn_up": (self.feed_forward, self.width),
                "ffn_down": (self.width, self.feed_forward),
            }
            result.update({f"blk.{layer}.{name}.weight": size for name, size in block.items()})
        result["output_norm.weight"] = (self.width,)
        return result


def new_weights(shape, seed):
    """Random weights to start training from."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, size in shape.tensors().items():
        if len(size) == 1:
            weights[name] = torch.ones(size)
        else:
            deviation = 0.02 if name == "token_embd.weight" else 0.5 * size[1] ** -0.5
            if "attn_output" in name or "ffn_down" in name:
                deviation *= (2 * shape.layers) ** -0.5
            weights[name] = torch.randn(size, generator=generator) * deviation
    return weights


def rope_table(shape, positions):
    """Cosine and sine for each position and each value of a head; the pair (2i, 2i+1) shares an angle."""
    pairs = torch.arange(0, shape.head_width, 2, dtype=torch.float32)
    angles = positions.float().unsqueeze(-1) * shape.rope_base ** (-pairs / shape.head_width)
    return angles.cos().repeat_interleave(2, -1), angles.sin().repeat_interleave(2, -1)


def quarter_turn(width):
    """The matrix that takes (a, b) of each neighbouring pair to (-b, a)."""
    turn = torch.zeros(width, width)
    even = torch.arange(0, width, 2)
    turn[even + 1, even], turn[even, even + 1] = -1.0, 1.0
    return turn


def rotate(x, cosine, sine):
    """Turns neighbouring values (2i, 2i+1), llama's order in GGUF. A product with a matrix is faster here than
    taking every second value."""
    return x * cosine + (x @ quarter_turn(x.shape[-1]).to(x.dtype)) * sine


def matmul(x, weight):
    """x times weight transposed. Debian's PyTorch multiplies float32 with the unoptimised reference BLAS, so
    inference in float32 takes oneDNN, which is about 30 times faster here; training runs in bfloat16, where
    PyTorch chooses oneDNN itself."""
    if not torch.is_grad_enabled() and x.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")
    return F.linear(x, weight)


class Cache:
    """Keys and values of the tokens so far, for each layer."""

    def __init__(self):
        self.layers = {}

    def extend(self, block, key, value):
        if block in self.layers:
            old_key, old_value = self.layers[block]
            key, value = torch.cat((old_key, key), 2), torch.cat((old_value, value), 2)
        self.layers[block] = key, value
        return key, value


class Llama:
    """Forward pass over a dictionary of weights under their GGUF names."""

    def __init__(self, shape, weights):
        self.shape = shape
        self.weights = weights

    def norm(self, x, name):
        # Written out: under autocast PyTorch's own goes through float32, and squares by its slow `pow`.
        scale = torch.rsqrt((x * x).mean(-1, keepdim=True, dtype=torch.float32) + self.shape.norm_epsilon)
        return x * scale.to(x.dtype) * self.weights[name].to(x.dtype)

    def hidden(self, tokens, positions=None, cache=None, mask=None, chosen=None):
        """The normalised state of each token, or of the `chosen` ones. Padding stands on the right, behind every real
        token, so the causal mask hides it; tokens that continue a cache need a `mask` added to their scores."""
        if positions is None:
            positions = torch.arange(tokens.shape[1])
        x = F.embedding(tokens, self.weights["token_embd.weight"])
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        cosine, sine = (t.unsqueeze(-2).to(x.dtype) for t in rope_table(self.shape, positions))
        for layer in range(self.shape.layers):
            block = f"blk.{layer}."
            x = x + self.attention(block, self.norm(x, block + "attn_norm.weight"), cosine, sine, cache, mask)
            if chosen is not None and layer == self.shape.layers - 1:
                x = x[chosen]
            x = x + self.feed_forward(block, self.norm(x, block + "ffn_norm.weight"))
        return self.norm(x, "output_norm.weight")

    def attention(self, block, x, cosine, sine, cache, mask):
        batch, length, _ = x.shape
        split = lambda name, heads: matmul(x, self.weights[block + name]).view(batch, length, heads, -1)
        query = rotate(split("attn_q.weight", self.shape.heads), cosine, sine).transpose(1, 2)
        key = rotate(split("attn_k.weight", self.shape.kv_heads), cosine, sine).transpose(1, 2)
        value = split("attn_v.weight", self.shape.kv_heads).transpose(1, 2)
        if cache is not None:
            key, value = cache.extend(block, key, value)
        mixed = self.mix(query, key, value, mask).transpose(1, 2).reshape(batch, length, -1)
        return matmul(mixed, self.weights[block + "attn_output.weight"])

    def mix(self, query, key, value, mask):
        """Attention written out: PyTorch's fused kernel calls the reference BLAS too, and took 60 % of a step.
        The query heads of one key-value head stand below each other in one matrix."""
        batch, heads, length, width = query.shape
        grouped = query.reshape(batch, self.shape.kv_heads, -1, width) * width**-0.5
        scores = (grouped @ key.transpose(-1, -2)).view(batch, heads, length, -1)
        if mask is None:
            mask = torch.full((length, length), float("-inf")).triu(1)
        shares = torch.softmax(scores + mask.to(scores.dtype), dim=-1).to(value.dtype)
        return (shares.view(batch, self.shape.kv_heads, -1, key.shape[2]) @ value).view(query.shape)

    def feed_forward(self, block, x):
        gate = F.silu(matmul(x, self.weights[block + "ffn_gate.weight"]))
        return matmul(gate * matmul(x, self.weights[block + "ffn_up.weight"]), self.weights[block + "ffn_down.weight"])

    def logits(self, hidden):
        """Scores of the next token; the output layer is the embedding itself."""
        return matmul(hidden, self.weights["token_embd.weight"])
