"""The part of signature.yaml that the shipped models use: rows to tensors, and scores to answers.

Only for checking: it sends the golden rows through the exported file the way a server does.
"""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from version import Row


class Signature:
    def __init__(self, path: Path) -> None:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.features: dict[str, Any] = document["features"]["properties"]
        self.features.pop(document.get("lookup", {}).get("key"), None)  # what a row is looked up by, and no column
        self.inputs: dict[str, Any] = document.get("inputs") or {name: [name] for name in self.features}
        self.output: dict[str, Any] = document["output"]
        self.classes: list[str] = self.output.get("classes", [])

    def example(self) -> Row:
        """The row that the docs show: every feature's first example."""
        return {name: feature["examples"][0] for name, feature in self.features.items()}

    def feeds(self, rows: list[Row]) -> dict[str, np.ndarray]:
        """ONNX inputs in float32, one entry of the first dimension for each row."""
        return {name: np.stack([self._tensor(columns, row) for row in rows]) for name, columns in self.inputs.items()}

    def _tensor(self, columns: list[Any], row: Row) -> np.ndarray:
        values = [value for column in columns for value in self._values(column, row)]
        # A nested array keeps its shape, so one image becomes [1, 8, 8]: its one channel.
        return np.asarray(values, dtype=np.float32)

    def _values(self, column: str | dict[str, str], row: Row) -> list[Any]:
        if isinstance(column, dict):
            name = column["oneHot"]
            return [float(row[name] == choice) for choice in self.features[name]["enum"]]
        value = row.get(column)
        return [self.features[column]["default"] if value is None else value]

    def answer(self, scores: np.ndarray) -> Row:
        """What a server answers for one row's scores: [classes], or [1] for a regression."""
        if self.output["task"] == "regression":
            return {"prediction": rounded(scores[0])}
        if self.output["task"] == "binary":
            probability = scores[self.output["positive"]]
            return {
                "prediction": rounded(probability),
                "probability": rounded(probability),
                "prediction_class": self.classes[int(probability >= self.output["threshold"])],
            }
        best = int(np.argmax(scores))
        return {
            "prediction": best,
            "probability": rounded(scores[best]),
            "prediction_class": self.classes[best],
            "probabilities": {name: rounded(score) for name, score in zip(self.classes, scores, strict=True)},
        }


def rounded(value: float) -> float:
    """Eight decimals: far finer than the tolerance, and still readable."""
    return round(float(value), 8)
