"""What one export is, and the data that all of them learn from."""

from dataclasses import dataclass

import numpy as np
import onnx
from sklearn.datasets import load_diabetes, load_iris


@dataclass
class Export:
    """A model as its converter wrote it, and rows to try it with, by input."""

    name: str
    model: onnx.ModelProto
    rows: dict[str, list]


def flowers(classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Few enough to keep files small: some estimators export what they learnt from."""
    x, y = load_iris(return_X_y=True)
    chosen = np.arange(0, 50 * classes, 5)
    return x[chosen].astype(np.float32), y[chosen]


def patients() -> tuple[np.ndarray, np.ndarray]:
    x, y = load_diabetes(return_X_y=True)
    return (x[:30, :4] * 10).astype(np.float32), y[:30].astype(np.float32)


def rows_of(x: np.ndarray) -> list:
    """Some rows of the data, and two unlike any of it."""
    some = x[:: max(1, len(x) // 5)][:5]
    unlike = np.stack([x.max(axis=0) * 1.5 + 0.25, x.min(axis=0) * 0.5 - 0.125])
    return np.concatenate([some, unlike]).astype(float).round(4).tolist()
