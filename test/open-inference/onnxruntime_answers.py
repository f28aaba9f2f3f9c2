"""Compares what a service answers with what onnxruntime answers for the same file: each version by its name, with the
largest difference of a number, or what went wrong, as JSON.

    python onnxruntime_answers.py HOST:PORT MODELS_DIR
"""

import json
import sys
import traceback
from pathlib import Path

import numpy as np
import onnxruntime
import tritonclient.http as http
from tritonclient.utils import np_to_triton_dtype

ROWS = [1, 2, 7, 100]


def compare(client, model, version, file):
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(7)
    largest = 0.0
    for rows in ROWS:
        feeds = {one.name: values(random, one, rows) for one in session.get_inputs()}
        wanted = session.run(None, feeds)
        for binary in (True, False):
            inputs = []
            for name, array in feeds.items():
                tensor = http.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
                tensor.set_data_from_numpy(array, binary_data=binary)
                inputs.append(tensor)
            outputs = [http.InferRequestedOutput(one.name, binary_data=binary) for one in session.get_outputs()]
            result = client.infer(model, inputs, model_version=version, outputs=outputs)
            for one, array in zip(session.get_outputs(), wanted):
                given = result.as_numpy(one.name)
                assert given.shape == array.shape and given.dtype == array.dtype, (one.name, given.shape, given.dtype)
                largest = max(largest, float(np.max(np.abs(given.astype(np.float64) - array.astype(np.float64)))))
    return largest


def values(random, tensor, rows):
    """Numbers as large as features are: of some, and of hundreds."""
    assert tensor.type == "tensor(float)", tensor.type
    shape = [rows] + [int(size) for size in tensor.shape[1:]]
    return (random.standard_normal(shape) * random.choice([1, 100], shape)).astype(np.float32)


def main(url, folder):
    results = {}
    with http.InferenceServerClient(url) as client:
        for file in sorted(Path(folder).glob("*/*/model.onnx")):
            model, version = file.parts[-3:-1]
            try:
                results[f"{model}/{version}"] = compare(client, model, version, file)
            except Exception:
                results[f"{model}/{version}"] = traceback.format_exc()
    print(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
