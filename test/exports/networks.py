"""Neural networks, laid out as PyTorch's and TensorFlow's exporters write them."""

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto

from attention import attention
from export import Export
from graph import Graph

N = "batch"


def networks() -> Iterator[Export]:
    yield from attention()
    yield from (perceptron(), convolutions(), segments(), lstm(), bidirectional(), dense_by_row())
    yield from (quantized(), quantized_dynamically())


def samples(*shape: int) -> list:
    return np.random.default_rng(1).normal(size=(6, *shape)).round(3).tolist()


def perceptron() -> Export:
    g = Graph()
    x = g.op("Gemm", g.input("x", [N, 5]), g.weight(8, 5), g.weight(8), transB=1)
    x = g.op("LayerNormalization", g.op("Relu", x), g.weight(8), g.weight(8), axis=-1)
    g.output(g.op("Softmax", g.op("Gemm", x, g.weight(3, 8), g.weight(3), transB=1), axis=1), [N, 3])
    return Export("network-perceptron", g.model(), {"x": samples(5)})


def convolutions() -> Export:
    g = Graph()
    image = g.input("image", [N, 1, 8, 8])
    x = g.op("Conv", image, g.weight(3, 1, 3, 3), g.weight(3), pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    variance = g.constant([0.5, 1.0, 2.0], np.float32)
    x = g.op("BatchNormalization", x, g.weight(3), g.weight(3), g.weight(3), variance)
    x = g.op("MaxPool", g.op("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
    x = g.op("Conv", x, g.weight(4, 3, 3, 3), g.weight(4), kernel_shape=[3, 3])
    # x.view(-1, 16): the count of rows is what remains.
    flat = g.op("Reshape", g.op("Clip", x, g.constant(0, np.float32), g.constant(6, np.float32)), g.constant([-1, 16]))
    pooled = g.op("Flatten", g.op("GlobalAveragePool", x), axis=1)
    g.output(g.linear(g.op("Concat", flat, pooled, axis=1), 20, 2), [N, 2])
    return Export("network-convolutions", g.model(), {"image": samples(1, 8, 8)})


def segments() -> Export:
    """Down, up again by a factor and by sizes, and joined with what it was before."""
    g = Graph()
    image = g.input("image", [N, 2, "height", "width"])
    x = g.op("Relu", g.op("Conv", image, g.weight(3, 2, 3, 3), pads=[1, 1, 1, 1], kernel_shape=[3, 3]))
    small = g.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    twice = g.op("Resize", small, "", g.constant([1, 1, 2, 2], np.float32), mode="nearest")
    front = g.op("Slice", g.op("Shape", small), g.constant([0]), g.constant([2]), g.constant([0]))
    back = g.op("Slice", g.op("Shape", x), g.constant([2]), g.constant([4]), g.constant([0]))
    again = g.op("Resize", small, "", "", g.op("Concat", front, back, axis=0), mode="linear")
    x = g.op("Concat", x, twice, again, axis=1)
    g.output(g.op("Sigmoid", g.op("Conv", x, g.weight(1, 9, 1, 1), kernel_shape=[1, 1])), [N, 1, "height", "width"])
    return Export("network-segments", g.model(), {"image": samples(2, 4, 6)})


def lstm() -> Export:
    """Starts from zeros, made in as many rows as there are."""
    g = Graph()
    x = g.input("x", [N, "length", 3])
    shape = g.sizes(1, g.size(x, 0), 4)
    zeros = [g.op("ConstantOfShape", shape) for _ in range(2)]
    steps = g.op("Transpose", x, perm=[1, 0, 2])
    weights = (g.weight(1, 16, 3), g.weight(1, 16, 4), g.weight(1, 32))
    all_, last, _ = g.op("LSTM", steps, *weights, "", *zeros, outputs=3, hidden_size=4)
    g.output(g.linear(g.op("Squeeze", last, g.constant([0])), 4, 2), [N, 2])
    g.output(g.op("Transpose", g.op("Squeeze", all_, g.constant([1])), perm=[1, 0, 2]), [N, "length", 4])
    return Export("network-lstm", g.model(), {"x": samples(5, 3)})


def bidirectional() -> Export:
    """Starts from a state that was learnt, expanded to all rows."""
    g = Graph()
    x = g.input("x", [N, "length", 3])
    start = g.op("Expand", g.weight(2, 1, 4), g.sizes(2, g.size(x, 0), 4))
    steps = g.op("Transpose", x, perm=[1, 0, 2])
    weights = (g.weight(2, 12, 3), g.weight(2, 12, 4), g.weight(2, 24))
    all_ = g.op("GRU", steps, *weights, "", start, hidden_size=4, direction="bidirectional", linear_before_reset=1)
    joined = g.op("Reshape", g.op("Transpose", all_, perm=[0, 2, 1, 3]), g.constant([0, 0, -1]))
    last = g.op("Gather", joined, g.constant(-1), axis=0)
    g.output(g.op("ReduceMax", g.op("Transpose", joined, perm=[1, 0, 2]), axes=[1], keepdims=0), [N, 8])
    g.output(g.linear(last, 8, 1), [N, 1])
    return Export("network-gru-bidirectional", g.model(), {"x": samples(5, 3)})


def dense_by_row() -> Export:
    """TensorFlow multiplies matrices: rows and steps are one axis for a while."""
    g = Graph()
    x = g.input("x", ["unk__1", "unk__2", 3])
    flat = g.op("Reshape", x, g.constant([-1, 3]))
    y = g.op("Tanh", g.linear(flat, 3, 4))
    front = g.op("Slice", g.op("Shape", x), g.constant([0]), g.constant([2]))
    y = g.op("Reshape", y, g.op("Concat", front, g.constant([4]), axis=0))
    g.output(g.op("ReduceMean", y, axes=[1], keepdims=0), ["unk__1", 4])
    return Export("network-dense-by-row", g.model(), {"x": samples(4, 3)})


def quantized() -> Export:
    g = Graph()
    scale, zero = g.constant(0.05, np.float32), g.constant(128, np.uint8)
    x = g.op("QuantizeLinear", g.input("x", [N, 4]), scale, zero)
    x = g.op("DequantizeLinear", x, scale, zero)
    weights = g.constant(g.random.integers(-90, 90, (4, 3)), np.int8)
    scales, zeros = g.constant([0.02, 0.03, 0.04], np.float32), g.constant([0, 0, 0], np.int8)
    y = g.op("MatMul", x, g.op("DequantizeLinear", weights, scales, zeros, axis=1))
    y = g.op("DequantizeLinear", g.op("QuantizeLinear", y, scale, zero), scale, zero)
    g.output(g.op("Relu", y), [N, 3])
    return Export("network-quantized", g.model(), {"x": samples(4)})


def quantized_dynamically() -> Export:
    """As onnxruntime's quantize_dynamic writes it: one scale for all rows, taken from them."""
    g = Graph()
    x, scale, zero = g.op("DynamicQuantizeLinear", g.input("x", [N, 4]), outputs=3)
    weights = g.constant(g.random.integers(-90, 90, (4, 3)), np.int8)
    y = g.op("Cast", g.op("MatMulInteger", x, weights, zero), to=TensorProto.FLOAT)
    g.output(g.op("Mul", y, g.op("Mul", scale, g.constant(0.02, np.float32))), [N, 3])
    return Export("network-quantized-dynamically", g.model(), {"x": samples(4)})
