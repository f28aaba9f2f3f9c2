"""Writes graphs node by node, as exporters of neural networks lay them out."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = list[int | str]


class Graph:
    def __init__(self, opset: int = 17):
        self.opset = opset
        self.random = np.random.default_rng(0)
        self.nodes, self.inputs, self.outputs, self.constants = [], [], [], []

    def input(self, name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, value: str, shape: Shape, kind: int = TensorProto.FLOAT) -> None:
        name = f"output_{len(self.outputs)}"
        self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, values, kind=np.int64) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant(self.random.normal(size=shape) * 0.5, np.float32)

    def op(self, operator: str, *inputs: str, outputs: int = 1, **attributes):
        name = f"/{operator.lower()}_{len(self.nodes)}"
        names = [name if index == 0 else f"{name}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def size(self, value: str, axis: int) -> str:
        """One dimension of a value as a vector of one, the way PyTorch's tracer writes `x.size(axis)`."""
        size = self.op("Gather", self.op("Shape", value), self.constant(axis), axis=0)
        return self.op("Unsqueeze", size, self.constant([0]))

    def sizes(self, *parts: str | int) -> str:
        vectors = [self.constant([part]) if isinstance(part, int) else part for part in parts]
        return self.op("Concat", *vectors, axis=0)

    def linear(self, value: str, wide: int, narrow: int) -> str:
        return self.op("Add", self.op("MatMul", value, self.weight(wide, narrow)), self.weight(narrow))

    def model(self) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, "main_graph", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, producer_name="pytorch-like", ir_version=8, opset_imports=opsets)
        onnx.checker.check_model(model, full_check=True)
        return model
