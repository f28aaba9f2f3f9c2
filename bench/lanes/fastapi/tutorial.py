"""A model behind FastAPI the way the tutorials build it, with the JSON log that a team adds.

MODEL_FILE is the pickled scikit-learn pipeline, or its ONNX export; LOG_FILE takes the log.
"""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI

import models
from contract import Application, Batch, BatchPrediction, Prediction, label
from json_log import log_requests, log_to

MODEL_VERSION = "1.0.0"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    log_to(os.environ["LOG_FILE"])
    app.state.model = models.load(Path(os.environ["MODEL_FILE"]))
    yield


app = FastAPI(title="Credit risk", lifespan=lifespan)
app.middleware("http")(log_requests)


@app.post("/predict")
async def predict(application: Application) -> Prediction:
    return predict_one(application)


@app.post("/predict/batch")
async def predict_batch(batch: Batch) -> BatchPrediction:
    started = time.perf_counter()
    predictions = [predict_one(application) for application in batch.requests]
    return BatchPrediction(
        predictions=predictions,
        batch_size=len(predictions),
        processing_time=time.perf_counter() - started,
    )


def predict_one(application: Application) -> Prediction:
    probability = float(app.state.model.probabilities([application.columns()])[0])
    return Prediction(
        prediction=probability,
        probability=probability,
        prediction_class=label(probability),
        model_version=MODEL_VERSION,
        timestamp=datetime.now(UTC),
    )
