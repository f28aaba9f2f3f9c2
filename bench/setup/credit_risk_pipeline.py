"""The scikit-learn pipeline that credit-risk 1.0.0 was exported from, pickled for the lane that serves it as it is.

    python bench/setup/credit_risk_pipeline.py FILE

The steps are those of training/credit_risk.py; the benchmark compares the answers before it measures.
"""

import sys
from pathlib import Path

import joblib
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))

from credit_risk import NUMBERS, applications, matrix  # noqa: E402


def main(file: str) -> None:
    rows, approved = applications(10_000)
    train_rows, _, train_y, _ = train_test_split(rows, approved, test_size=2_000, random_state=0)
    pipeline = make_pipeline(
        ColumnTransformer([("numbers", StandardScaler(), NUMBERS)], remainder="passthrough"),
        LogisticRegression(),
    )
    pipeline.fit(matrix(train_rows), train_y)
    joblib.dump(pipeline, file)


if __name__ == "__main__":
    main(sys.argv[1])
