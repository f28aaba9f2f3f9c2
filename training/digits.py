"""Digits: a small convolution over an image, its ONNX graph written by hand.

The filters are fixed edge detectors and only the layer above them is trained, so scikit-learn can do
all the training: image / 16 -> 8 filters of 3x3 -> ReLU -> 2x2 max pooling -> logistic regression.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from onnx_file import IR_VERSION, OPSETS, tidy
from version import Row, Version

FULL_INK = 16


def build() -> Iterator[Version]:
    data = load_digits()
    train, test, train_y, test_y = train_test_split(
        data.images, data.target, test_size=450, random_state=0, stratify=data.target
    )
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(edges(train), train_y)

    def scores(rows: list[Row]) -> np.ndarray:
        return model.predict_proba(edges(np.array([row["image"] for row in rows], dtype=np.float64)))

    accuracy = model.score(edges(test), test_y)
    assert accuracy > 0.95, f"digits is right only {accuracy:.3f} of the time"
    yield Version(
        model="digits",
        version="1.0.0",
        onnx=tidy(graph(model), "handwritten digits, 1797 scans"),
        scores=scores,
        golden=[to_row(image) for image in data.images[:10]],  # they show 0 to 9, one each
        holdout=[to_row(image) for image in test],
        quality=f"accuracy {accuracy:.3f}",
    )


def filters() -> np.ndarray:
    """[8, 3, 3]: an edge looked for in eight directions, 45 degrees apart."""
    straight = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]) / 8
    slanted = np.array([[2, 1, 0], [1, 0, -1], [0, -1, -2]]) / 8
    return np.stack([np.rot90(edge, turns) for turns in range(4) for edge in (straight, slanted)])


def edges(images: np.ndarray) -> np.ndarray:
    """[n, 8, 8] images to [n, 72]: the strongest edge of each direction in each of 3x3 places."""
    windows = sliding_window_view(images / FULL_INK, (3, 3), axis=(1, 2))
    found = np.maximum(np.einsum("nyxij,fij->nfyx", windows, filters()), 0)
    pooled = found.reshape(len(images), 8, 3, 2, 3, 2).max(axis=(3, 5))
    return pooled.reshape(len(images), -1)


def graph(model: LogisticRegression) -> onnx.ModelProto:
    """`edges` and the logistic regression above it as one graph, [N,1,8,8] to [N,10]."""
    weights = {
        "full_ink": np.array(FULL_INK),
        "filters": filters()[:, np.newaxis],
        "coefficients": model.coef_.T,
        "intercepts": model.intercept_,
    }
    nodes = [
        helper.make_node("Div", ["image", "full_ink"], ["ink"]),
        helper.make_node("Conv", ["ink", "filters"], ["found"]),
        helper.make_node("Relu", ["found"], ["rectified"]),
        helper.make_node("MaxPool", ["rectified"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["edges"], axis=1),
        helper.make_node("Gemm", ["edges", "coefficients", "intercepts"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return helper.make_model(
        helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
            [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
        ),
        producer_name="nestor-training",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSETS[""])],
    )


def to_row(image: np.ndarray) -> Row:
    return {"image": image.astype(int).tolist()}
