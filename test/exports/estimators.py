"""scikit-learn's estimators, one by one, through skl2onnx."""

from collections.abc import Iterator

import numpy as np
from skl2onnx import to_onnx
from sklearn.base import BaseEstimator, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier, AdaBoostRegressor, BaggingClassifier, BaggingRegressor, ExtraTreesClassifier,
    ExtraTreesRegressor, GradientBoostingClassifier, GradientBoostingRegressor, HistGradientBoostingClassifier,
    HistGradientBoostingRegressor, IsolationForest, RandomForestClassifier, RandomForestRegressor,
    StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.linear_model import (
    ElasticNet, GammaRegressor, Lasso, LinearRegression, LogisticRegression, Perceptron, Ridge, RidgeClassifier,
    SGDClassifier, SGDRegressor,
)
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor, RadiusNeighborsClassifier,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from export import Export, flowers, patients, rows_of

TWO = [("linear", LogisticRegression()), ("tree", DecisionTreeClassifier(max_depth=2, random_state=0))]
TWO_REGRESSORS = [("linear", Ridge()), ("tree", DecisionTreeRegressor(max_depth=2, random_state=0))]
FEW = {"n_estimators": 3, "random_state": 0}

CLASSIFIERS = {
    "ada-boost-classifier": AdaBoostClassifier(**FEW),
    "bagging-classifier": BaggingClassifier(DecisionTreeClassifier(max_depth=2), **FEW),
    "bernoulli-nb": BernoulliNB(binarize=2.0),
    "calibrated-isotonic": CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2),
    "calibrated-linear-svc": CalibratedClassifierCV(LinearSVC(random_state=0), cv=2),
    "decision-tree-classifier": DecisionTreeClassifier(max_depth=3, random_state=0),
    "extra-trees-classifier": ExtraTreesClassifier(max_depth=3, **FEW),
    "gaussian-nb": GaussianNB(),
    "gradient-boosting-classifier": GradientBoostingClassifier(max_depth=2, **FEW),
    "hist-gradient-boosting-classifier": HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5),
    "k-neighbors-classifier": KNeighborsClassifier(3),
    "linear-discriminant-analysis": LinearDiscriminantAnalysis(),
    "linear-svc": LinearSVC(random_state=0),
    "logistic-regression": LogisticRegression(),
    "mlp-classifier": MLPClassifier(hidden_layer_sizes=(4,), max_iter=200, random_state=0),
    "multinomial-nb": MultinomialNB(),
    "one-vs-one": OneVsOneClassifier(LogisticRegression()),
    "one-vs-rest": OneVsRestClassifier(LogisticRegression()),
    "perceptron": Perceptron(random_state=0),
    "quadratic-discriminant-analysis": QuadraticDiscriminantAnalysis(reg_param=0.1),
    "radius-neighbors-classifier": RadiusNeighborsClassifier(9.0),
    "random-forest-classifier": RandomForestClassifier(max_depth=3, **FEW),
    "ridge-classifier": RidgeClassifier(),
    "sgd-classifier": SGDClassifier(loss="log_loss", random_state=0),
    "stacking-classifier": StackingClassifier(TWO, cv=2),
    "svc": SVC(),
    "svc-probabilities": SVC(probability=True, random_state=0),
    "voting-classifier": VotingClassifier(TWO, voting="soft", flatten_transform=False),
}

REGRESSORS = {
    "ada-boost-regressor": AdaBoostRegressor(DecisionTreeRegressor(max_depth=2), **FEW),
    "bagging-regressor": BaggingRegressor(DecisionTreeRegressor(max_depth=2), **FEW),
    "decision-tree-regressor": DecisionTreeRegressor(max_depth=3, random_state=0),
    "elastic-net": ElasticNet(),
    "extra-trees-regressor": ExtraTreesRegressor(max_depth=3, **FEW),
    "gamma-regressor": GammaRegressor(),
    "gaussian-process-regressor": GaussianProcessRegressor(alpha=1.0),
    "gradient-boosting-regressor": GradientBoostingRegressor(max_depth=2, **FEW),
    "hist-gradient-boosting-regressor": HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5),
    "k-neighbors-regressor": KNeighborsRegressor(3),
    "k-neighbors-regressor-by-distance": KNeighborsRegressor(3, weights="distance"),
    "lasso": Lasso(),
    "linear-regression": LinearRegression(),
    "linear-svr": LinearSVR(random_state=0),
    "mlp-regressor": MLPRegressor(hidden_layer_sizes=(4,), max_iter=200, random_state=0),
    "random-forest-regressor": RandomForestRegressor(max_depth=3, **FEW),
    "ridge": Ridge(),
    "sgd-regressor": SGDRegressor(random_state=0),
    "stacking-regressor": StackingRegressor(TWO_REGRESSORS, cv=2),
    "svr": SVR(),
    "voting-regressor": VotingRegressor(TWO_REGRESSORS),
}

OTHERS = {
    "gaussian-mixture": GaussianMixture(2, random_state=0),
    "isolation-forest": IsolationForest(max_samples=16, **FEW),
    "k-means": KMeans(3, n_init=1, random_state=0),
    "local-outlier-factor": LocalOutlierFactor(n_neighbors=3, novelty=True),
    "one-class-svm": OneClassSVM(),
}


def estimators() -> Iterator[Export]:
    x, y = flowers()
    for name, model in (CLASSIFIERS | OTHERS).items():
        yield export(name, model.fit(x, y), x)
    # With the converter's default: probabilities as a sequence of maps, which nobody fetches.
    yield export("logistic-regression-zipmap", CLASSIFIERS["logistic-regression"], x, zipmap=True)
    two, label = flowers(classes=2)
    yield export("gaussian-process-classifier", GaussianProcessClassifier().fit(two[::2], label[::2]), two)
    x, y = patients()
    for name, model in REGRESSORS.items():
        yield export(name, model.fit(x, y), x)
    yield export("multi-output-regressor", MultiOutputRegressor(Ridge()).fit(x, np.stack([y, -y], axis=1)), x)


def export(name: str, model: BaseEstimator, x: np.ndarray, zipmap: bool = False) -> Export:
    options = {id(model): {"zipmap": zipmap}} if is_classifier(model) and has_probabilities(model) else None
    onx = to_onnx(model, x[:1], options=options, target_opset={"": 18, "ai.onnx.ml": 3})
    return Export(name, onx, {"X": rows_of(x)})


def has_probabilities(model: BaseEstimator) -> bool:
    return not isinstance(model, LinearSVC)
