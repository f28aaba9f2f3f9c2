"""LightGBM and XGBoost, through onnxmltools."""

from collections.abc import Iterator

import numpy as np
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from xgboost import XGBClassifier, XGBRegressor

from export import Export, flowers, patients, rows_of

LIGHT = {"n_estimators": 3, "num_leaves": 4, "min_child_samples": 3, "verbose": -1, "random_state": 0}
EXTREME = {"n_estimators": 3, "max_depth": 2, "random_state": 0}


def boosted() -> Iterator[Export]:
    x, y = flowers()
    two, label = flowers(classes=2)
    yield light("lightgbm-classifier", LGBMClassifier(**LIGHT).fit(x, y), x)
    yield light("lightgbm-binary", LGBMClassifier(**LIGHT).fit(two, label), two)
    yield light("lightgbm-zipmap", LGBMClassifier(**LIGHT).fit(x, y), x, zipmap=True)
    yield extreme("xgboost-classifier", XGBClassifier(**EXTREME).fit(x, y), x)
    yield extreme("xgboost-binary", XGBClassifier(**EXTREME).fit(two, label), two)
    x, y = patients()
    yield light("lightgbm-regressor", LGBMRegressor(**LIGHT).fit(x, y), x)
    yield light("lightgbm-random-forest", LGBMRegressor(**LIGHT, boosting_type="rf", bagging_freq=1, bagging_fraction=0.7).fit(x, y), x)
    ranker = LGBMRanker(**LIGHT, label_gain=list(range(8))).fit(x, (y // 50).astype(int), group=[10, 10, 10])
    yield light("lightgbm-ranker", ranker, x)
    yield extreme("xgboost-regressor", XGBRegressor(**EXTREME).fit(x, y), x)
    yield extreme("xgboost-poisson", XGBRegressor(**EXTREME, objective="count:poisson").fit(x, y), x)


def light(name: str, model, x: np.ndarray, zipmap: bool = False) -> Export:
    onx = convert_lightgbm(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], zipmap=zipmap, target_opset=15)
    return Export(name, onx, {"X": rows_of(x)})


def extreme(name: str, model, x: np.ndarray) -> Export:
    onx = convert_xgboost(model, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], target_opset=15)
    return Export(name, onx, {"X": rows_of(x)})
