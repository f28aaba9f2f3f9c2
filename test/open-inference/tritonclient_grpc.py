"""What tritonclient[grpc] sees of a service: each check by its name, with "ok" or what went wrong, as JSON.

    python tritonclient_grpc.py HOST:PORT
"""

import json
import queue
import sys
import traceback

import numpy as np
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

from tritonclient_http import APPLICANT, TYPES, same

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def tensor(name, array, datatype):
    made = grpc.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def applicant():
    return [tensor("features", APPLICANT, "FP32")]


def raises(call, status, part):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == f"StatusCode.{status}", error
        assert part in error.message(), error
        return
    raise AssertionError("it is answered")


@check
def server_and_model(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("credit-risk") and client.is_model_ready("credit-risk", "2.0.0")
    assert not client.is_model_ready("nope") and not client.is_model_ready("credit-risk", "9")
    metadata = client.get_server_metadata(as_json=True)
    assert metadata["name"] == "nestor" and "statistics" in metadata["extensions"], metadata
    metadata = client.get_model_metadata("credit-risk", as_json=True)
    assert metadata["versions"] == ["1.0.0", "2.0.0"], metadata
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": ["-1", "9"]}], metadata


@check
def infer(client):
    result = client.infer("credit-risk", applicant(), request_id="mine", headers={"x-request-id": "abc"})
    response = result.get_response()
    assert (response.id, response.model_name, response.model_version) == ("mine", "credit-risk", "1.0.0"), response
    assert result.as_numpy("label").tolist() == [1]
    assert np.allclose(result.as_numpy("probabilities"), [[0.090129375, 0.9098706]], atol=1e-6)
    result = client.infer("credit-risk", applicant(), headers={"x-model-version": "candidate"})
    assert result.get_response().model_version == "2.0.0"


@check
def outputs_in_order(client):
    outputs = [grpc.InferRequestedOutput(name) for name in ("probabilities", "label")]
    result = client.infer("credit-risk", applicant(), outputs=outputs)
    assert [output.name for output in result.get_response().outputs] == ["probabilities", "label"]
    result = client.infer("credit-risk", applicant(), outputs=outputs[:1])
    assert [output.name for output in result.get_response().outputs] == ["probabilities"]
    assert result.as_numpy("label") is None


@check
def every_datatype(client):
    for datatype, array in TYPES.items():
        for rows in (array, array[:0]):
            result = client.infer(datatype, [tensor("x", rows, datatype)])
            got = result.as_numpy("x_out")
            assert same(got, rows), (datatype, got)


@check
def nan_and_infinity(client):
    array = np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32)
    assert same(client.infer("FP32", [tensor("x", array, "FP32")]).as_numpy("x_out"), array)


@check
def compressed(client):
    array = np.tile(np.arange(1024, dtype=np.float32), (64, 1))
    for algorithm in ("gzip", "deflate"):
        result = client.infer("wide", [tensor("x", array, "FP32")], compression_algorithm=algorithm)
        assert same(result.as_numpy("x_out"), array), algorithm


@check
def large(client):
    array = np.random.default_rng(1).standard_normal((2048, 1024)).astype(np.float32)
    assert same(client.infer("wide", [tensor("x", array, "FP32")]).as_numpy("x_out"), array)


@check
def asynchronous(client):
    rows = np.random.default_rng(2).standard_normal((200, 1, 1024)).astype(np.float32)
    answers = queue.Queue()
    for index, row in enumerate(rows):
        inputs = [tensor("x", row, "FP32")]
        client.async_infer("wide", inputs, lambda result, error, index=index: answers.put((index, result, error)))
    for _ in rows:
        index, result, error = answers.get(timeout=60)
        assert error is None, error
        assert same(result.as_numpy("x_out"), rows[index])


@check
def deadlines(client):
    raises(lambda: client.infer("slow", [countdown(3_000_000)], client_timeout=0.05), "DEADLINE_EXCEEDED", "")
    raises(lambda: client.infer("slow", [countdown(3_000_000)], timeout=50_000), "DEADLINE_EXCEEDED", "time")


def countdown(turns):
    return tensor("n", np.array([[turns]], dtype=np.int64), "INT64")


@check
def cancellation(client):
    answers = queue.Queue()
    call = client.async_infer("slow", [countdown(3_000_000)], lambda result, error: answers.put(error))
    call.cancel()
    assert "CANCEL" in str(answers.get(timeout=60)).upper()


@check
def errors(client):
    raises(lambda: client.infer("nope", applicant()), "NOT_FOUND", "There is no model")
    raises(lambda: client.infer("credit-risk", applicant(), model_version="9"), "NOT_FOUND", "no version")
    raises(lambda: client.infer("credit-risk", [tensor("x", APPLICANT, "FP32")]), "INVALID_ARGUMENT", "is not an input")
    short = [tensor("features", APPLICANT[:, :8], "FP32")]
    raises(lambda: client.infer("credit-risk", short), "INVALID_ARGUMENT", "dimension 1")
    doubles = [tensor("features", APPLICANT.astype(np.float64), "FP64")]
    raises(lambda: client.infer("credit-risk", doubles), "INVALID_ARGUMENT", "another datatype")
    outputs = [grpc.InferRequestedOutput("nope")]
    raises(lambda: client.infer("credit-risk", applicant(), outputs=outputs), "INVALID_ARGUMENT", "is not an output")
    outputs = [grpc.InferRequestedOutput("probabilities", class_count=1)]
    raises(lambda: client.infer("credit-risk", applicant(), outputs=outputs), "UNIMPLEMENTED", "classification")
    raises(lambda: client.get_model_config("credit-risk"), "UNIMPLEMENTED", "does not implement")


@check
def repository(client):
    index = client.get_model_repository_index(as_json=True)["models"]
    assert {"name": "credit-risk", "version": "1.0.0", "state": "READY"} in index, index
    client.unload_model("FP64")
    client.unload_model("FP64")
    assert not client.is_model_ready("FP64")
    raises(lambda: client.infer("FP64", [tensor("x", TYPES["FP64"], "FP64")]), "UNAVAILABLE", "No version")
    client.load_model("FP64")
    client.load_model("FP64")
    assert client.is_model_ready("FP64")
    raises(lambda: client.load_model("nope"), "NOT_FOUND", "There is no model")


@check
def statistics(client):
    def count():
        [stats] = client.get_inference_statistics("INT8", "1", as_json=True)["model_stats"]
        return int(stats.get("inference_count", 0)), int(stats["inference_stats"]["success"].get("count", 0))

    rows, requests = count()
    client.infer("INT8", [tensor("x", np.zeros((5, 3), dtype=np.int8), "INT8")])
    assert count() == (rows + 5, requests + 1)
    names = [stats["name"] for stats in client.get_inference_statistics(as_json=True)["model_stats"]]
    assert "credit-risk" in names, names


def main(url):
    results = {}
    with grpc.InferenceServerClient(url) as client:
        for function in CHECKS:
            try:
                function(client)
                results[function.__name__] = "ok"
            except Exception:
                results[function.__name__] = traceback.format_exc()
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
