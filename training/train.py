"""Train the shipped models and write everything under models/.

    python training/train.py

The same library versions on the same machine give the same bytes, run after run.
"""

from pathlib import Path

from threadpoolctl import threadpool_limits

import credit_risk
import diabetes
import digits
import iris
from publish import publish

MODELS = Path(__file__).resolve().parent.parent / "models"


def main() -> None:
    # One thread: how sums are split over threads decides their last bits, and so the bytes written.
    with threadpool_limits(limits=1):
        for model in (credit_risk, iris, diabetes, digits):
            for version in model.build():
                publish(version, MODELS)


if __name__ == "__main__":
    main()
