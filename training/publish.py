"""Check an exported version against the model it came from, then write its folder."""

import json
import os
import shutil
from itertools import cycle, islice
from pathlib import Path

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime loads

import onnxruntime as ort  # noqa: E402

from signature import Signature  # noqa: E402
from version import Row, Version  # noqa: E402

CONTRACTS = Path(__file__).resolve().parent / "contracts"
TOLERANCE = 1e-4


def publish(version: Version, models: Path) -> None:
    """Write models/<model>/<version>; raises AssertionError, and writes nothing, where a check fails."""
    contract = CONTRACTS / version.model
    signature = Signature(contract / "signature.yaml")
    content = version.onnx.SerializeToString(deterministic=True)
    check(version, signature, content)

    folder = models / version.model / version.version
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    shutil.copyfile(contract / "signature.yaml", folder / "signature.yaml")
    (folder / "golden.json").write_text(golden(version, signature), encoding="utf-8", newline="\n")
    if (contract / "model.yaml").exists():
        shutil.copyfile(contract / "model.yaml", folder.parent / "model.yaml")
    print(f"{version.model}/{version.version}: {version.quality}, {len(content) / 1024:.0f} KiB")


def check(version: Version, signature: Signature, content: bytes) -> None:
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(rows: list[Row]) -> np.ndarray:
        return session.run([signature.output["scores"]], signature.feeds(rows))[0]

    for rows in (version.golden, version.holdout):
        difference = np.abs(run(rows) - version.scores(rows)).max()
        assert difference < TOLERANCE, f"ONNX and scikit-learn differ by {difference}"

    reference = version.scores(version.golden)
    for row, scores in zip(version.golden, reference, strict=True):
        assert is_clear(scores, signature), f"too near to another class for a golden row: {row}"
    answered = {signature.answer(scores).get("prediction_class") for scores in reference}
    assert answered.issuperset(signature.classes), f"the golden rows show only {answered}"
    assert signature.example() in version.golden, "the example in the docs is not a golden row"

    rows = list(islice(cycle(version.holdout), 100))
    alone = np.concatenate([run([row]) for row in rows])
    # Not bit for bit: onnxruntime adds up in another order for one row than for many.
    assert np.allclose(alone, run(rows), rtol=1e-6, atol=1e-6), "a row's scores depend on the rows beside it"


def is_clear(scores: np.ndarray, signature: Signature) -> bool:
    """Whether the row keeps its class when its scores move by the tolerance."""
    match signature.output["task"]:
        case "regression":
            return True
        case "binary":
            return abs(scores[signature.output["positive"]] - signature.output["threshold"]) > TOLERANCE
        case _:
            second, best = np.sort(scores)[-2:]
            return best - second > 2 * TOLERANCE


def golden(version: Version, signature: Signature) -> str:
    """golden.json, its expected answers made from scikit-learn's own scores."""
    entries = [
        {"features": row, "expect": signature.answer(scores), "tolerance": TOLERANCE}
        for row, scores in zip(version.golden, version.scores(version.golden), strict=True)
    ]
    return "[\n" + ",\n".join("  " + json.dumps(entry, allow_nan=False) for entry in entries) + "\n]\n"
