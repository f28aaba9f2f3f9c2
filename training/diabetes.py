"""Diabetes: a regression whose features keep the units they were measured in."""

from collections.abc import Iterator

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from onnx_file import from_sklearn, rename_output
from version import Row, Version

FEATURES = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]


def build() -> Iterator[Version]:
    data = load_diabetes(scaled=False)
    train, test, train_y, test_y = train_test_split(data.data, data.target, test_size=100, random_state=0)
    model = make_pipeline(StandardScaler(), Ridge(alpha=10))
    model.fit(train, train_y)

    def scores(rows: list[Row]) -> np.ndarray:
        values = np.array([[row[name] for name in FEATURES] for row in rows], dtype=np.float64)
        return model.predict(values).reshape(-1, 1)

    r2 = model.score(test, test_y)
    assert r2 > 0.3, f"diabetes explains only {r2:.3f} of the variance"
    exported = from_sklearn(model, {"features": 10}, "diabetes study, 442 patients")
    yield Version(
        model="diabetes",
        version="1.0.0",
        onnx=rename_output(exported, "variable", "progression"),
        scores=scores,
        golden=golden_rows(data.data, data.target),
        holdout=[to_row(values) for values in test],
        quality=f"R² {r2:.3f}",
    )


def to_row(values: np.ndarray) -> Row:
    row = dict(zip(FEATURES, values.tolist(), strict=True))
    return row | {"sex": int(row["sex"])}  # a code, which the schema calls an integer


def golden_rows(patients: np.ndarray, progression: np.ndarray) -> list[Row]:
    by_progression = np.argsort(progression, kind="stable")
    typical = [patients[0], patients[by_progression[0]], patients[by_progression[-1]], np.median(patients, axis=0)]
    lowest = [18, 1, 15, 50, 80, 30, 15, 1, 3, 50]
    highest = [90, 2, 50, 150, 350, 280, 120, 12, 7, 150]
    return [to_row(np.asarray(values)) for values in [*typical, lowest, highest]]
