"""One of the other apps (APP: tutorial or tuned) with a slow model and a probe beside its own.

The tutorial's runs the model where tutorials do, on the event loop; the tuned one in FastAPI's thread pool, which is
what a plain `def` asks for. SLOW_MODEL_FILE is the ONNX file.
"""

import importlib
import os
from datetime import UTC, datetime
from typing import Annotated

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, Field

FEATURES = 16

app: FastAPI = importlib.import_module(os.environ["APP"]).app

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["SLOW_MODEL_FILE"], options, providers=["CPUExecutionProvider"])


class Row(BaseModel):
    x: Annotated[list[float], Field(min_length=FEATURES, max_length=FEATURES)]


class Prediction(BaseModel):
    prediction: float
    model_version: str
    timestamp: datetime


def predict(row: Row) -> Prediction:
    score = session.run(["score"], {"x": np.array([row.x], dtype=np.float32)})[0][0, 0]
    return Prediction(prediction=float(score), model_version="1.0.0", timestamp=datetime.now(UTC))


async def predict_on_the_event_loop(row: Row) -> Prediction:
    return predict(row)


in_thread_pool = os.environ["APP"] == "tuned"
app.post("/v1/models/slow/predict")(predict if in_thread_pool else predict_on_the_event_loop)


@app.get("/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}
