"""What a model's script hands over to be published."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

Row = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One version of one model, trained and exported.

    `scores` is the trained scikit-learn model itself in float64: rows to [n, classes] or [n, 1].
    It is the reference for the golden answers, so it must not look at the signature or the ONNX file.
    """

    model: str
    version: str
    onnx: onnx.ModelProto
    scores: Callable[[list[Row]], np.ndarray]
    golden: list[Row]
    """Rows that cover every class and the edges of what is accepted."""
    holdout: list[Row]
    """Rows the model was not trained on, to compare ONNX with scikit-learn more widely."""
    quality: str
    """How good it is on the holdout, for the person who trains."""
