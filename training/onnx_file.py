"""From a trained model to ONNX bytes that any recent runtime loads and that are the same every time."""

from importlib.metadata import version

import onnx
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator, is_classifier

# Old enough for every runtime in use, new enough for the operators needed here. IR 8 goes with them.
OPSETS = {"": 18, "ai.onnx.ml": 3}
IR_VERSION = 8


def from_sklearn(model: BaseEstimator, inputs: dict[str, int], trained_on: str) -> onnx.ModelProto:
    """Export a fitted estimator; `inputs` maps each ONNX input to its number of columns."""
    exported = to_onnx(
        model,
        initial_types=[(name, FloatTensorType([None, columns])) for name, columns in inputs.items()],
        target_opset=OPSETS,
        # Without it a classifier's probabilities are a sequence of maps, which no tensor API can read.
        options={"zipmap": False} if is_classifier(model) else None,
    )
    return tidy(exported, trained_on)


def tidy(model: onnx.ModelProto, trained_on: str) -> onnx.ModelProto:
    """Name what the exporter leaves unnamed, and drop what could differ from one run to the next."""
    model.ir_version = IR_VERSION
    model.doc_string = ""
    model.graph.doc_string = ""
    model.graph.name = "model"
    del model.graph.value_info[:]
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{index}"
        node.doc_string = ""
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    opsets = sorted({(opset.domain, opset.version) for opset in model.opset_import})
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(*opset) for opset in opsets)
    onnx.helper.set_model_props(
        model, {"trained_on": trained_on, "trained_with": f"scikit-learn {version('scikit-learn')}"}
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def rename_output(model: onnx.ModelProto, old: str, new: str) -> onnx.ModelProto:
    """The same model, one of its outputs under another name."""
    for output in model.graph.output:
        if output.name == old:
            output.name = new
    for node in model.graph.node:
        node.output[:] = [new if name == old else name for name in node.output]
        node.input[:] = [new if name == old else name for name in node.input]
    return model
