"""Credit risk: synthetic loan applications, a linear model and a boosted one that may replace it."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from onnx_file import from_sklearn
from version import Row, Version

Classifier: TypeAlias = Pipeline | HistGradientBoostingClassifier

EMPLOYMENT_TYPES = ["full_time", "part_time", "self_employed", "unemployed"]
NUMBERS = [0, 1, 2, 3, 8]  # columns of `matrix` that are measured; the four between them are one-hot
TRAINED_ON = "8000 synthetic loan applications"

# A clearly good and a clearly bad application: whatever else a version does, these it must get right.
STRONG: Row = {
    "age": 35,
    "income": 75000,
    "credit_score": 720,
    "employment_years": 8,
    "employment_type": "full_time",
    "debt_to_income": 0.2,
}
WEAK: Row = {
    "age": 24,
    "income": 14000,
    "credit_score": 480,
    "employment_years": 0,
    "employment_type": "unemployed",
    "debt_to_income": 0.7,
}


def build() -> Iterator[Version]:
    rows, approved = applications(10_000)
    train_rows, test_rows, train_y, test_y = train_test_split(rows, approved, test_size=2_000, random_state=0)

    linear = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), NUMBERS)], remainder="passthrough"),
        LogisticRegression(),
    )
    boosted = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=8,
        learning_rate=0.1,
        early_stopping=False,
        # More income, score or years never hurts an applicant, and less debt never does.
        monotonic_cst=[0, 1, 1, 1, 0, 0, 0, 0, -1],
        random_state=0,
    )
    for number, model in (("1.0.0", linear), ("2.0.0", boosted)):
        model.fit(matrix(train_rows), train_y)
        yield version_of(number, model, test_rows, test_y)


def version_of(number: str, model: Classifier, test_rows: list[Row], test_y: np.ndarray) -> Version:
    def scores(rows: list[Row]) -> np.ndarray:
        return model.predict_proba(matrix(rows))

    strong, weak = scores([STRONG, WEAK])[:, 1]
    assert strong > 0.8 and weak < 0.1, f"credit-risk {number} misjudges: {strong:.3f}, {weak:.3f}"
    return Version(
        model="credit-risk",
        version=number,
        onnx=from_sklearn(model, {"features": 9}, TRAINED_ON),
        scores=scores,
        golden=golden_rows(),
        holdout=test_rows,
        quality=f"AUC {roc_auc_score(test_y, scores(test_rows)[:, 1]):.3f}",
    )


def applications(count: int) -> tuple[list[Row], np.ndarray]:
    """Applications and whether they were approved: a latent score, and chance on top of it."""
    random = np.random.default_rng(7)
    age = np.clip(random.normal(41, 13, count), 18, 100).astype(int)
    income = np.clip(random.lognormal(np.log(52_000), 0.6, count), 1_000, 1_000_000).round(-2)
    credit_score = np.clip(random.normal(670, 90, count), 300, 850).astype(int)
    employment_years = np.minimum((age - 18) * random.beta(2, 2.5, count), 50).astype(int)
    employment_type = random.choice(EMPLOYMENT_TYPES, count, p=[0.64, 0.14, 0.13, 0.09])
    debt_to_income = random.beta(2, 4.5, count).round(2)

    job = np.select([employment_type == name for name in EMPLOYMENT_TYPES], [0.3, -0.3, -0.2, -1.8])
    latent = (
        0.2
        + 0.016 * (credit_score - 660)
        + 1.1 * np.log(income / 52_000)
        + 0.05 * np.minimum(employment_years, 15)
        + job
        - 3.0 * (debt_to_income - 0.3)
        - 1.5 * (debt_to_income > 0.45)  # a ceiling many lenders have, which a linear model cannot see
    )
    approved = (random.random(count) < 1 / (1 + np.exp(-latent))).astype(int)

    columns = {
        "age": age,
        "income": income,
        "credit_score": credit_score,
        "employment_years": employment_years,
        "employment_type": employment_type,
        "debt_to_income": debt_to_income,
    }
    applicants = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, values, strict=True)) for values in applicants], approved


def matrix(rows: list[Row]) -> np.ndarray:
    """[n, 9] in the order the models were trained on; debt that is not stated counts as none."""
    return np.array(
        [
            [
                row["age"],
                row["income"],
                row["credit_score"],
                row["employment_years"],
                *(float(row["employment_type"] == name) for name in EMPLOYMENT_TYPES),
                row.get("debt_to_income") or 0,
            ]
            for row in rows
        ],
        dtype=np.float64,
    )


def golden_rows() -> list[Row]:
    unstated = {name: value for name, value in STRONG.items() if name != "debt_to_income"}
    lowest = {"age": 18, "income": 0.01, "credit_score": 300, "employment_years": 0, "debt_to_income": 0}
    highest = {"age": 100, "income": 1_000_000, "credit_score": 850, "employment_years": 50, "debt_to_income": 1}
    return [
        STRONG,
        WEAK,
        unstated,
        STRONG | {"debt_to_income": None},
        STRONG | {"credit_score": 600, "employment_type": "part_time"},
        STRONG | {"income": 38500.5, "credit_score": 655, "employment_type": "self_employed", "debt_to_income": 0.46},
        STRONG | {"employment_type": "unemployed", "employment_years": 0},
        STRONG | lowest,
        STRONG | highest,
    ]
