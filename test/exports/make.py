"""Writes small models as their converters write them, and exports.json: their names, and rows to try them with.

    pip install -r requirements.txt && PYTHONHASHSEED=0 python make.py && npx prettier --write exports.json
"""

import json
import warnings
from pathlib import Path

from boosted import boosted
from estimators import estimators
from networks import networks
from pipelines import pipelines

HERE = Path(__file__).parent


def main() -> None:
    warnings.simplefilter("ignore")
    entries = []
    for old in HERE.glob("models/*.onnx"):
        old.unlink()
    for export in [*estimators(), *pipelines(), *boosted(), *networks()]:
        # Some converters name the graph at random.
        export.model.graph.name = export.name
        (HERE / "models" / f"{export.name}.onnx").write_bytes(export.model.SerializeToString())
        entries.append({"name": export.name, "rows": export.rows})
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in sorted(entries, key=lambda entry: entry["name"]))
    (HERE / "exports.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
