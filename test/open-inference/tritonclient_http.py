"""What tritonclient[http] sees of a service: each check by its name, with "ok" or what went wrong, as JSON.

    python tritonclient_http.py HOST:PORT
"""

import json
import sys
import traceback

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException

CHECKS = []
APPLICANT = np.array([[35, 75000, 720, 8, 1, 0, 0, 0, 0.2]], dtype=np.float32)
TYPES = {
    "BOOL": np.array([[True, False, True]]),
    "UINT8": np.array([[0, 255, 7]], dtype=np.uint8),
    "UINT16": np.array([[0, 65535, 7]], dtype=np.uint16),
    "UINT32": np.array([[0, 2**32 - 1, 7]], dtype=np.uint32),
    "UINT64": np.array([[0, 2**64 - 1, 2**53 + 1]], dtype=np.uint64),
    "INT8": np.array([[-128, 127, 0]], dtype=np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1, 0]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1, 0]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1, 2**53 + 1]], dtype=np.int64),
    "FP16": np.array([[-65504, 0.1, 6e-8]], dtype=np.float16),
    "FP32": np.array([[-3.4028235e38, 0.1, 1e-45]], dtype=np.float32),
    "FP64": np.array([[-1.7976931348623157e308, 0.1, 5e-324]], dtype=np.float64),
    "BYTES": np.array([["", "Ω🎉", "a,b"]], dtype=object),
}


def check(function):
    CHECKS.append(function)
    return function


def tensor(name, array, datatype, binary=True):
    made = http.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def applicant(binary=True):
    return [tensor("features", APPLICANT, "FP32", binary)]


def texts(array):
    return np.array([value.decode() if isinstance(value, bytes) else value for value in array.flatten()]).tolist()


def same(result, wanted):
    if wanted.dtype == object:
        return texts(result) == texts(wanted)
    return result.dtype == wanted.dtype and result.shape == wanted.shape and result.tobytes() == wanted.tobytes()


def raises(call, status, part):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == status, error
        assert part in error.message(), error
        return
    raise AssertionError("it is answered")


@check
def server_and_model(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("credit-risk") and client.is_model_ready("credit-risk", "2.0.0")
    assert not client.is_model_ready("nope")
    assert client.get_server_metadata()["name"] == "nestor"
    metadata = client.get_model_metadata("credit-risk")
    assert metadata["versions"] == ["1.0.0", "2.0.0"], metadata
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 9]}], metadata


@check
def binary(client):
    result = client.infer("credit-risk", applicant(), request_id="mine")
    assert result.get_response()["id"] == "mine"
    assert result.as_numpy("label").tolist() == [1]
    assert np.allclose(result.as_numpy("probabilities"), [[0.090129375, 0.9098706]], atol=1e-6)


@check
def json_in_and_out(client):
    outputs = [http.InferRequestedOutput(name, binary_data=False) for name in ("probabilities", "label")]
    result = client.infer("credit-risk", applicant(False), model_version="1.0.0", outputs=outputs)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["probabilities", "label"]
    wanted = client.infer("credit-risk", applicant(), model_version="1.0.0")
    for name in ("label", "probabilities"):
        assert same(result.as_numpy(name), wanted.as_numpy(name)), name


@check
def every_datatype(client):
    for datatype, array in TYPES.items():
        for binary_in in (True, False):
            for binary_out in (True, False):
                outputs = [http.InferRequestedOutput("x_out", binary_data=binary_out)]
                result = client.infer(datatype, [tensor("x", array, datatype, binary_in)], outputs=outputs)
                assert same(result.as_numpy("x_out"), array), (datatype, binary_in, binary_out, result.get_response())


@check
def no_rows(client):
    for datatype, array in TYPES.items():
        empty = array[:0]
        result = client.infer(datatype, [tensor("x", empty, datatype)])
        assert result.as_numpy("x_out").shape == (0, 3), datatype


@check
def nan_and_infinity(client):
    array = np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32)
    assert same(client.infer("FP32", [tensor("x", array, "FP32")]).as_numpy("x_out"), array)
    outputs = [http.InferRequestedOutput("x_out", binary_data=False)]
    raises(lambda: client.infer("FP32", [tensor("x", array, "FP32")], outputs=outputs), "500", "NaN")
    raises(lambda: client.infer("FP32", [tensor("x", array, "FP32", False)]), "400", "NaN")


@check
def compressed(client):
    array = np.tile(np.arange(1024, dtype=np.float32), (64, 1))
    for algorithm in ("gzip", "deflate"):
        result = client.infer(
            "wide",
            [tensor("x", array, "FP32")],
            request_compression_algorithm=algorithm,
            response_compression_algorithm=algorithm,
        )
        assert same(result.as_numpy("x_out"), array), algorithm


@check
def large(client):
    array = np.random.default_rng(1).standard_normal((1024, 1024)).astype(np.float32)
    assert same(client.infer("wide", [tensor("x", array, "FP32")]).as_numpy("x_out"), array)


@check
def asynchronous(client):
    rows = np.random.default_rng(2).standard_normal((200, 1, 1024)).astype(np.float32)
    pending = [client.async_infer("wide", [tensor("x", row, "FP32")]) for row in rows]
    for row, request in zip(rows, pending):
        assert same(request.get_result().as_numpy("x_out"), row)


@check
def errors(client):
    raises(lambda: client.infer("nope", applicant()), "404", "There is no model")
    raises(lambda: client.infer("credit-risk", applicant(), model_version="9"), "404", "no version")
    raises(lambda: client.infer("credit-risk", [tensor("x", APPLICANT, "FP32")]), "400", "is not an input")
    raises(lambda: client.infer("credit-risk", [tensor("features", APPLICANT[:, :8], "FP32")]), "400", "dimension 1")
    doubles = APPLICANT.astype(np.float64)
    raises(lambda: client.infer("credit-risk", [tensor("features", doubles, "FP64")]), "400", "another datatype")
    outputs = [http.InferRequestedOutput("nope")]
    raises(lambda: client.infer("credit-risk", applicant(), outputs=outputs), "400", "is not an output")
    outputs = [http.InferRequestedOutput("probabilities", class_count=1)]
    raises(lambda: client.infer("credit-risk", applicant(), outputs=outputs), "501", "classification")
    raises(lambda: client.infer("credit-risk", applicant(), timeout=1), "504", "time")


def main(url):
    results = {}
    with http.InferenceServerClient(url, concurrency=16) as client:
        for function in CHECKS:
            try:
                function(client)
                results[function.__name__] = "ok"
            except Exception:
                results[function.__name__] = traceback.format_exc()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
