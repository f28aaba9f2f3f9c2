"""A model that is heavy enough to matter, as a folder that nestor serves: six layers of 1,024 units and one output.

    python bench/setup/mlp.py FOLDER

The weights are random, and the same ones every time.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH = 1024
LAYERS = 6
OPSET = 18
IR_VERSION = 8

SIGNATURE = f"""\
description: A multi-layer perceptron with random weights, for the benchmark
features:
  type: object
  required: [x]
  properties:
    x: {{ type: array, minItems: {WIDTH}, maxItems: {WIDTH}, items: {{ type: number }} }}
inputs:
  x: x
output:
  task: regression
  scores: y
"""


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model = perceptron(np.random.default_rng(7))
    onnx.checker.check_model(model, full_check=True)
    (folder / "signature.yaml").write_text(SIGNATURE, encoding="utf-8")
    onnx.save(model, folder / "model.onnx")


def perceptron(random: np.random.Generator) -> onnx.ModelProto:
    nodes = []
    weights = []
    value = "x"
    for layer, units in enumerate([WIDTH] * LAYERS + [1]):
        # He's initialisation keeps the numbers of a deep stack of ReLUs near one.
        scale = np.sqrt(2 / WIDTH)
        weights.append(numpy_helper.from_array(normal(random, (WIDTH, units), scale), f"weights_{layer}"))
        weights.append(numpy_helper.from_array(normal(random, (units,), 0.1), f"bias_{layer}"))
        is_last = layer == LAYERS
        sums = "y" if is_last else f"sums_{layer}"
        nodes.append(helper.make_node("Gemm", [value, f"weights_{layer}", f"bias_{layer}"], [sums]))
        if not is_last:
            value = f"units_{layer}"
            nodes.append(helper.make_node("Relu", [sums], [value]))
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        weights,
    )
    return helper.make_model(
        graph,
        producer_name="nestor-bench",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def normal(random: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    return (random.standard_normal(shape) * scale).astype(np.float32)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
