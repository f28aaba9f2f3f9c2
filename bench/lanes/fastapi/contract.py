"""What the three FastAPI lanes take and give."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

EMPLOYMENT_TYPES = ("full_time", "part_time", "self_employed", "unemployed")
MAX_BATCH_SIZE = 100


class Application(BaseModel):
    age: int = Field(ge=18, le=100)
    income: float = Field(gt=0, le=1_000_000)
    credit_score: int = Field(ge=300, le=850)
    employment_years: int = Field(ge=0, le=50)
    employment_type: Literal["full_time", "part_time", "self_employed", "unemployed"]
    debt_to_income: float | None = Field(default=0, ge=0, le=1)

    def columns(self) -> list[float]:
        return [
            self.age,
            self.income,
            self.credit_score,
            self.employment_years,
            *(float(self.employment_type == name) for name in EMPLOYMENT_TYPES),
            self.debt_to_income or 0,
        ]


class Batch(BaseModel):
    requests: list[Application] = Field(min_length=1, max_length=MAX_BATCH_SIZE)


class Prediction(BaseModel):
    prediction: float
    probability: float
    prediction_class: str
    model_version: str
    timestamp: datetime


class BatchPrediction(BaseModel):
    predictions: list[Prediction]
    batch_size: int
    processing_time: float


def label(probability: float) -> str:
    return "approved" if probability >= 0.5 else "declined"
