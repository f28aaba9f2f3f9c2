"""Pipelines as people build them: scaled, encoded by column, from text."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from onnx import helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer, FunctionTransformer, KBinsDiscretizer, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder,
    PolynomialFeatures, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler,
)

from export import Export, flowers, patients, rows_of

OPSETS = {"": 18, "ai.onnx.ml": 3}

REGRESSIONS = {
    "binarizer": make_pipeline(Binarizer(threshold=0.1), Ridge()),
    "k-bins": make_pipeline(KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"), Ridge()),
    "k-bins-one-hot": make_pipeline(
        KBinsDiscretizer(3, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), Ridge()
    ),
    "knn-imputer": make_pipeline(KNNImputer(n_neighbors=2), Ridge()),
    "min-max": make_pipeline(MinMaxScaler(clip=True), Ridge()),
    "normalizer": make_pipeline(RobustScaler(), Normalizer(), Ridge()),
    "polynomial": make_pipeline(PolynomialFeatures(2), Ridge()),
    "power": make_pipeline(PowerTransformer(), Ridge()),
    "quantile": make_pipeline(QuantileTransformer(n_quantiles=8), Ridge()),
    "select-k-best": make_pipeline(SelectKBest(f_regression, k=2), Ridge()),
}

TEXTS = [
    "the cat sat", "dog and cat", "a dog ran", "the sun is hot", "hot dog today", "moon and sun", "the moon", "cat cat",
]
ABOUT_SKY = [0, 0, 0, 1, 1, 1, 1, 0]
#: Short and long, empty, in capitals, with what is in no vocabulary, and with what fills up short texts.
OTHER_TEXTS = ["cat", "THE MOON AND THE SUN AND A DOG", "", "nothing known here", "# cat # sun #", "Ünïcode cät"]

TEXT_MODELS = {
    "tf-idf": TfidfVectorizer(),
    "tf-idf-bigrams": TfidfVectorizer(ngram_range=(1, 2)),
    "tf-idf-stop-words": TfidfVectorizer(stop_words="english"),
    "tf-idf-case-kept": TfidfVectorizer(lowercase=False),
    "counts": CountVectorizer(),
    "tf-idf-characters": TfidfVectorizer(analyzer="char", ngram_range=(1, 2)),
}


def pipelines() -> Iterator[Export]:
    x, y = patients()
    for name, model in REGRESSIONS.items():
        yield numeric(f"pipeline-{name}", model.fit(x, y), x)
    x, y = flowers()
    yield numeric("pipeline-pca", make_pipeline(StandardScaler(), PCA(2), LogisticRegression()).fit(x, y), x)
    yield columns()
    for name, vectorizer in TEXT_MODELS.items():
        yield text(f"text-{name}", vectorizer, TEXTS)
    # "#" is what the converter fills up short texts with, unless it counts, as here.
    yield text("text-characters-with-hash", TEXT_MODELS["tf-idf-characters"], [*TEXTS[:-1], "cat #1 #2"])
    yield text("text-svd", TfidfVectorizer(), TEXTS, TruncatedSVD(2, random_state=0))


def numeric(name: str, model: Pipeline, x: np.ndarray) -> Export:
    options = {id(model): {"zipmap": False}} if isinstance(model[-1], LogisticRegression) else None
    return Export(name, to_onnx(model, x[:1], options=options, target_opset=OPSETS), {"X": rows_of(x)})


def text(name: str, vectorizer: CountVectorizer, texts: list[str], *more) -> Export:
    model = make_pipeline(vectorizer, *more, LogisticRegression()).fit(texts, ABOUT_SKY)
    onx = to_onnx(
        model,
        initial_types=[("text", StringTensorType([None, 1]))],
        options={id(model): {"zipmap": False}},
        target_opset=OPSETS,
    )
    for node in onx.graph.node:
        if node.op_type == "StringNormalizer":
            # Its default, en_US.UTF-8, is not on every machine that runs the tests.
            node.attribute.append(helper.make_attribute("locale", "C"))
    return Export(name, onx, {"text": [[row] for row in [*texts[:3], *OTHER_TEXTS]]})


def columns() -> Export:
    """Numbers with gaps, and categories: one input for each column, as a table has them."""
    table = pd.DataFrame(
        {
            "age": [31.0, 45.0, np.nan, 22.0, 58.0, 37.0],
            "income": [1.2, 3.4, 2.2, np.nan, 5.1, 2.9],
            "city": ["Oslo", "Rome", "Oslo", "Bern", "Rome", "Bern"],
            "level": ["low", "mid", "high", "low", "mid", "high"],
        }
    )
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "income"]),
                ("city", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city"]),
                ("level", OrdinalEncoder(categories=[["low", "mid", "high"]]), ["level"]),
            ]
        ),
        LogisticRegression(),
    ).fit(table, [0, 1, 0, 1, 1, 0])
    types = [
        ("age", FloatTensorType([None, 1])),
        ("income", FloatTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
        ("level", StringTensorType([None, 1])),
    ]
    onx = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset=OPSETS)
    # JSON has no NaN: a gap is null.
    rows = {name: [[None if pd.isna(value) else value] for value in table[name]] for name in table}
    rows["city"][0] = ["Paris"]
    return Export("pipeline-columns", onx, rows)

