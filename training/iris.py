"""Iris: a pipeline over a data frame, so the ONNX graph has one input for each column."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from onnx_file import from_sklearn
from version import Row, Version

FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def build() -> Iterator[Version]:
    data = load_iris()
    frame = pd.DataFrame(data.data, columns=FEATURES)
    train, test, train_y, test_y = train_test_split(
        frame, data.target, test_size=50, random_state=0, stratify=data.target
    )
    model = make_pipeline(ColumnTransformer([("scaled", StandardScaler(), FEATURES)]), LogisticRegression(C=10))
    model.fit(train, train_y)

    def scores(rows: list[Row]) -> np.ndarray:
        return model.predict_proba(pd.DataFrame(rows, columns=FEATURES, dtype=np.float64))

    accuracy = model.score(test, test_y)
    assert accuracy > 0.9, f"iris is right only {accuracy:.3f} of the time"
    yield Version(
        model="iris",
        version="1.0.0",
        onnx=from_sklearn(model, dict.fromkeys(FEATURES, 1), "Fisher's iris data"),
        scores=scores,
        golden=golden_rows(),
        holdout=test.to_dict("records"),
        quality=f"accuracy {accuracy:.3f}",
    )


def golden_rows() -> list[Row]:
    flowers = [
        (5.1, 3.5, 1.4, 0.2),  # setosa
        (4.5, 2.3, 1.3, 0.3),  # setosa, with an unusually narrow sepal
        (7.0, 3.2, 4.7, 1.4),  # versicolor
        (6.0, 2.7, 5.1, 1.6),  # versicolor by nature, virginica by its measures
        (6.3, 3.3, 6.0, 2.5),  # virginica
        (4.9, 2.5, 4.5, 1.7),  # virginica, but small
        (0.01, 0.01, 0.01, 0.01),  # next to the lower limits, which are exclusive
        (20, 20, 20, 20),  # the upper limits
    ]
    return [dict(zip(FEATURES, flower, strict=True)) for flower in flowers]
