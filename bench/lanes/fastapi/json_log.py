"""Structured request logs: one JSON line when a request starts, one when it has been answered."""

import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from fastapi import Request, Response

logger = logging.getLogger("requests")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time_of_event = datetime.fromtimestamp(record.created, UTC).isoformat()
        fields = getattr(record, "fields", {})
        return json.dumps({"time": time_of_event, "level": record.levelname, "msg": record.getMessage(), **fields})


def log_to(path: str) -> None:
    handler = logging.FileHandler(path)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


async def log_requests(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    request_id = request.headers.get("x-request-id") or str(uuid.uuid4())
    about = {"request_id": request_id, "method": request.method, "url": request.url.path}
    started = time.perf_counter()
    logger.info("request_started", extra={"fields": about})
    response = await call_next(request)
    duration = round(time.perf_counter() - started, 6)
    response.headers["X-Request-Id"] = request_id
    logger.info(
        "request_completed", extra={"fields": about | {"status_code": response.status_code, "duration": duration}}
    )
    return response
