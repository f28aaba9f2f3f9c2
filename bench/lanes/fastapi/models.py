"""The credit-risk model in the two forms that teams serve: the pickled pipeline, and its ONNX export."""

from pathlib import Path
from typing import Protocol

import numpy as np


class Model(Protocol):
    def probabilities(self, rows: list[list[float]]) -> np.ndarray:
        """[n, 9] to [n]: the probability of approval."""
        ...


class SklearnModel:
    def __init__(self, path: Path) -> None:
        import joblib

        self._pipeline = joblib.load(path)

    def probabilities(self, rows: list[list[float]]) -> np.ndarray:
        return self._pipeline.predict_proba(np.array(rows))[:, 1]


class OnnxModel:
    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def probabilities(self, rows: list[list[float]]) -> np.ndarray:
        features = np.array(rows, dtype=np.float32)
        return self._session.run(["probabilities"], {"features": features})[0][:, 1]


def load(path: Path) -> Model:
    # Each class imports its own library, so that a lane's start and memory hold no other.
    return SklearnModel(path) if path.suffix == ".joblib" else OnnxModel(path)
