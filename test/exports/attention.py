"""Attention, in the ways in which PyTorch's modules and Hugging Face's models are traced."""

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto, helper

from export import Export
from graph import Graph

N, LENGTH = "batch", "length"
WIDE, HEADS = 4, 2


def attention() -> Iterator[Export]:
    yield from (encoder(), multihead(), vision())


def encoder() -> Export:
    """Tokens and their mask, embedded with their places, one layer of attention, and a head on the first token."""
    g = Graph(opset=14)
    tokens = g.input("input_ids", [N, LENGTH], TensorProto.INT64)
    mask = g.input("attention_mask", [N, LENGTH], TensorProto.INT64)
    x = g.op("Gather", g.weight(11, WIDE), tokens)
    places = g.op("Slice", g.constant([list(range(16))]), g.constant([0]), g.size(tokens, 1), g.constant([1]))
    x = normalized(g, g.op("Add", x, g.op("Gather", g.weight(16, WIDE), places)))
    x = normalized(g, g.op("Add", x, attend(g, x, masked(g, mask, tokens))))
    x = normalized(g, g.op("Add", x, g.linear(gelu(g, g.linear(x, WIDE, 6)), 6, WIDE)))
    g.output(x, [N, LENGTH, WIDE])
    first = g.op("Gather", x, g.constant(0), axis=1)
    g.output(g.linear(g.op("Tanh", g.linear(first, WIDE, WIDE)), WIDE, 3), [N, 3])
    g.output(mean_of_tokens(g, x, mask), [N, WIDE])
    rng = np.random.default_rng(2)
    masks = [[1] * kept + [0] * (5 - kept) for kept in (5, 3, 1, 4, 2, 5)]
    return Export(
        "network-encoder",
        g.model(),
        {"input_ids": rng.integers(0, 11, (6, 5)).tolist(), "attention_mask": masks},
    )


def normalized(g: Graph, x: str) -> str:
    """LayerNorm, before it was one operator."""
    centred = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
    variance = g.op("ReduceMean", g.op("Pow", centred, g.constant(2, np.float32)), axes=[-1])
    deviation = g.op("Sqrt", g.op("Add", variance, g.constant(1e-5, np.float32)))
    return g.op("Add", g.op("Mul", g.op("Div", centred, deviation), g.weight(WIDE)), g.weight(WIDE))


def gelu(g: Graph, x: str) -> str:
    half = g.op("Mul", x, g.constant(0.5, np.float32))
    error = g.op("Erf", g.op("Div", x, g.constant(1.4142135, np.float32)))
    return g.op("Mul", half, g.op("Add", error, g.constant(1, np.float32)))


def masked(g: Graph, mask: str, tokens: str) -> str:
    """mask[:, None, None, :].expand(batch, 1, length, length), as Hugging Face writes it."""
    wide = g.op("Unsqueeze", g.op("Unsqueeze", mask, g.constant([1])), g.constant([2]))
    wanted = g.sizes(g.size(tokens, 0), 1, g.size(tokens, 1), g.size(tokens, 1))
    ones = g.op("ConstantOfShape", g.constant([4]), value=helper.make_tensor("one", TensorProto.INT64, [1], [1]))
    unset = g.op("Equal", wanted, g.op("Mul", ones, g.constant(-1)))
    kept = g.op("Cast", g.op("Expand", wide, g.op("Where", unset, ones, wanted)), to=TensorProto.FLOAT)
    turned = g.op("Sub", g.constant(1, np.float32), kept)
    lowest = g.constant(-3.4e38, np.float32)
    return g.op("Where", g.op("Cast", turned, to=TensorProto.BOOL), lowest, turned)


def attend(g: Graph, x: str, mask: str) -> str:
    query, key, value = (heads(g, g.linear(x, WIDE, WIDE), x, perm) for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    scores = g.op("Div", g.op("MatMul", query, key), g.constant(1.4142135, np.float32))
    weights = g.op("Softmax", g.op("Add", scores, mask), axis=-1)
    joined = g.op("Transpose", g.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    flat = g.op("Reshape", joined, g.sizes(g.size(joined, 0), g.size(joined, 1), WIDE))
    return g.linear(flat, WIDE, WIDE)


def heads(g: Graph, x: str, like: str, perm: list[int]) -> str:
    split = g.op("Reshape", x, g.sizes(g.size(like, 0), g.size(like, 1), HEADS, WIDE // HEADS))
    return g.op("Transpose", split, perm=perm)


def mean_of_tokens(g: Graph, x: str, mask: str) -> str:
    """Sentence transformers' pooling."""
    kept = g.op("Expand", g.op("Unsqueeze", mask, g.constant([-1])), g.op("Shape", x))
    kept = g.op("Cast", kept, to=TensorProto.FLOAT)
    total = g.op("ReduceSum", g.op("Mul", x, kept), g.constant([1]), keepdims=0)
    count = g.op("Clip", g.op("ReduceSum", kept, g.constant([1]), keepdims=0), g.constant(1e-9, np.float32))
    mean = g.op("Div", total, count)
    norm = g.op("ReduceL2", mean, axes=[1], keepdims=1)
    floor = g.op("Clip", norm, g.constant(1e-12, np.float32))
    return g.op("Div", mean, g.op("Expand", floor, g.op("Shape", mean)))


def multihead() -> Export:
    """nn.MultiheadAttention: the sequence comes first, and rows and heads are one axis for a while."""
    g = Graph()
    x = g.op("Transpose", g.input("x", [N, LENGTH, WIDE]), perm=[1, 0, 2])
    length, rows = g.size(x, 0), g.size(x, 1)
    both = g.op("Mul", rows, g.constant([HEADS]))
    shape = g.sizes(length, both, WIDE // HEADS)
    query, key, value = (
        g.op("Transpose", g.op("Reshape", g.linear(x, WIDE, WIDE), shape), perm=[1, 0, 2]) for _ in range(3)
    )
    scores = g.op("MatMul", query, g.op("Transpose", key, perm=[0, 2, 1]))
    mixed = g.op("MatMul", g.op("Softmax", scores, axis=-1), value)
    flat = g.op("Reshape", g.op("Transpose", mixed, perm=[1, 0, 2]), g.sizes(g.op("Mul", length, rows), WIDE))
    output = g.op("Reshape", g.linear(flat, WIDE, WIDE), g.sizes(length, rows, WIDE))
    g.output(g.op("Transpose", output, perm=[1, 0, 2]), [N, LENGTH, WIDE])
    samples = np.random.default_rng(3).normal(size=(6, 3, WIDE)).round(3).tolist()
    return Export("network-multihead-attention", g.model(), {"x": samples})


def vision() -> Export:
    """Patches of an image, after a token of the model's own that is expanded to all rows; einsum for attention."""
    g = Graph()
    image = g.input("image", [N, 1, 4, 4])
    patches = g.op("Conv", image, g.weight(WIDE, 1, 2, 2), kernel_shape=[2, 2], strides=[2, 2])
    flat = g.op("Reshape", patches, g.sizes(g.size(patches, 0), WIDE, -1))
    token = g.op("Expand", g.weight(1, 1, WIDE), g.sizes(g.size(image, 0), 1, 1))
    x = g.op("Concat", token, g.op("Transpose", flat, perm=[0, 2, 1]), axis=1)
    x = g.op("Add", x, g.weight(1, 5, WIDE))
    query, key, value = g.op("Split", g.linear(x, WIDE, 3 * WIDE), outputs=3, axis=-1)
    scores = g.op("Softmax", g.op("Einsum", query, key, equation="bid,bjd->bij"), axis=-1)
    x = g.op("Einsum", scores, value, equation="bij,bjd->bid")
    first = g.op("Squeeze", g.op("Slice", x, g.constant([0]), g.constant([1]), g.constant([1])), g.constant([1]))
    g.output(g.linear(first, WIDE, 2), [N, 2])
    samples = np.random.default_rng(4).normal(size=(6, 1, 4, 4)).round(3).tolist()
    return Export("network-vision", g.model(), {"image": samples})
