"""What knowing a nation is worth: beside the baselines, beside models of one airport, and without the inbound aircraft.

    .venv/bin/python benchmarks/nation_accuracy.py SOURCE --until 2021-12-19 [--flights 120000] [--test-share 0.25]
        [--origins JFK+LGA+EWR,DEN,BNA] [--json FILE] [parts: whole days inbound tail alone ...]

SOURCE is what `sources.load` takes, or a folder of canonical parquet files. Without `--until` it is where the last fifth of the landed flights
begins (the test block of the chronological 60/20/20). A model learns from whole days before that and is asked about a
sample of the flights after it, at every horizon that the source allows: `whole` beside its baselines; `inbound` and `tail`
without what the aircraft flies before, and without all that its tail tells; `alone` beside models that see the flights from one airport
only, as the embedded year does; `days` day by day. Figures of one run are comparable with each other.

Measured on December 2021 (535,428 flights of 363 airports; the last ten days are a disruption), mean absolute error in minutes:

    horizon          60/20/20: usual delay, forecast | until 18 December, 200,000 flights | New York: nation, alone | ATL: nation, alone | ORD
    week                              34.37  32.71   |               28.44  27.17         |      26.73  26.98       |    21.18  21.61    | 24.95  24.97
    day                               34.37  32.19   |               28.44  26.93         |      27.15  26.91       |    20.81  21.01    | 24.95  24.93
    six hours                         34.37  31.57   |               28.44  26.31         |      26.41  26.07       |    20.23  20.33    | 24.44  24.07
    two hours                         34.37  28.40   |               28.44  23.41         |      23.58  25.15       |    17.24  19.72    | 23.10  23.55
    half an hour                      34.37  26.04   |               28.44  21.97         |      22.89  24.90       |    15.85  19.50    | 21.86  23.16
    push-back (rule)                  11.97  10.33   |               11.18   9.83         |      11.65  11.69       |     7.46   7.69    | 11.08  10.48
    take-off (rule)                   11.97   8.50   |               11.18   8.22         |       9.46   9.58       |     5.91   6.46    |  9.20   8.55

60/20/20 are those of `flight-delay run train -p max_flights=80000` (104,239 flights asked about; AUC .670 .709 .730 .800 .834 .953 .971). The
others come from one run of this script (15 % of the flights after 18 December). From two hours before departure on, the nation pays at every airport,
since it sees the aircraft come in; once a flight has left, ORD's own model knows its taxiways better. With 45,000 flights (three whole days) to learn
from, the nation's model is worse than New York's own at a week, a day and six hours: days count there, not flights.

Without what the aircraft flies before, and without all that its tail tells (45,000 flights to learn from, mean absolute error and AUC):

    horizon         all features   without inbound   without the tail
    two hours       24.86  .785    24.98  .782       26.76  .727
    half an hour    23.46  .820    23.53  .810       25.61  .773
    push-back       10.02  .943    10.04  .943       10.02  .943

A second city-year (five airports, 221,137 flights, 60/20/20, 60,000 flights to learn from; AUC): week 17.88 (usual delay 18.23; .610), day 17.57 (.625),
six hours 17.23 (.660), two hours 16.89 (.699), half an hour 16.67 (.712), push-back 7.03 (rule 8.24; .956).
"""

import argparse
import json
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from nation import month_of

from flight_delay.evaluation.baselines import Outcomes, evaluate
from flight_delay.features.declarations import LEDGER, LEGS_BEFORE
from flight_delay.features.queries import HORIZONS, at_horizon
from flight_delay.models import fit
from flight_delay.models.delay_model import DelayModel
from flight_delay.sources.tables import Tables
from flight_delay.training.blocks import answerable, outcomes_by_name, parse_instant, past_flights, split, training_set
from flight_delay.training.fit import fit_until

INBOUND = {f.name for f in LEDGER if f.statistic in LEGS_BEFORE} | {"expected_turnaround"}
HIDDEN = {"inbound": INBOUND, "tail": INBOUND | {f.name for f in LEDGER if f.group == "aircraft" or f.key == "tail"}}
SHOWN = ("horizon", "flights", "mae", "baseline_mae", "rule_mae", "mae_skill", "auc_15", "brier_15", "baseline_brier_15")


def asked_after(tables: Tables, until: datetime, horizons: list[str], share: float) -> dict[str, Outcomes]:
    "Queries about a sample of the flights after an instant, by horizon."
    later = tables.flights.filter(pl.col("scheduled_departure") >= until)
    later = later.sample(fraction=share, seed=1).sort("scheduled_departure", "flight_id")
    return outcomes_by_name(tables, {name: at_horizon(later, name) for name in horizons})


KEPT_IN: list[Path] = []
SHOWN_TABLES: dict[str, list[dict]] = {}  # title -> rows


def show_table(title: str, table: pl.DataFrame) -> None:
    "Print figures, and keep them for `--json`."
    table = table.select(name for name in ("day", *SHOWN) if name in table.columns)
    print(f"\n{title}", flush=True)
    with pl.Config(tbl_rows=-1):
        print(table, flush=True)
    SHOWN_TABLES[title] = table.with_columns(pl.col(pl.Date).cast(pl.String)).to_dicts()
    if KEPT_IN:
        KEPT_IN[0].write_text(json.dumps(SHOWN_TABLES, indent=1))


def show(title: str, model: DelayModel, asked: dict[str, Outcomes], past: pl.DataFrame) -> None:
    "Print the figures at each horizon."
    show_table(title, evaluate(model, asked, past))


def without(
    kind: str, tables: Tables, until: datetime, horizons: list[str], most: int, asked: dict, past: pl.DataFrame
) -> None:
    "The same queries, by a model that has learned from them without some features."
    learned = training_set(tables, until, horizons, most=most)
    names = [name for name in learned.seen.X.columns if name not in HIDDEN[kind]]
    seen, held_out = learned.seen, learned.held_out
    model = fit.fit(seen.X.select(names), seen.delay, held_out.X.select(names), held_out.delay)
    show(f"without {kind} ({len(names)} of {seen.X.width} features)", model, asked, past)


def alone(model: DelayModel, tables: Tables, until: datetime, horizons: list[str], asked: dict, origins: list[str]) -> None:
    "The flights from some airports, by a model of all and by one that sees these flights alone."
    for group in origins:
        own = pl.col("origin").is_in(group.split("+"))
        ours = {name: one.where(one.flights.select(own).to_series()) for name, one in asked.items()}
        known = replace(tables, flights=tables.flights.filter(own))
        small = fit_until(known, until, horizons)
        keys = {name: one.flights["flight_id"].implode() for name, one in ours.items()}
        asks = {name: at_horizon(known.flights, name).filter(pl.col("flight_id").is_in(ids)) for name, ids in keys.items()}
        past = past_flights(known, until)
        show(f"{group}: the nation's model", model, ours, past)
        show(f"{group}: a model of {group} alone", small, outcomes_by_name(known, asks), past)


def by_day(model: DelayModel, asked: dict[str, Outcomes], past: pl.DataFrame) -> None:
    "Each day after the model has learned."
    rows = []
    for day in sorted(set(next(iter(asked.values())).day)):
        own = {
            name: one.where(pl.Series(one.day) == day)
            for name, one in asked.items()
            if name in ("day", "two_hours", "half_hour", "takeoff")
        }
        rows.append(evaluate(model, own, past).with_columns(pl.lit(int(day)).cast(pl.Date).alias("day")))
    show_table("day by day", pl.concat(rows, how="diagonal"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("parts", nargs="*", default=["whole", "days", "inbound", "tail", "alone"])
    parser.add_argument("--until")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--flights", type=int, default=120_000)
    parser.add_argument("--test-share", type=float, default=0.25)
    parser.add_argument("--origins", default="JFK+LGA+EWR,DEN,BNA")
    given, started = parser.parse_args(), time.perf_counter()
    KEPT_IN.extend([given.json] if given.json else [])
    tables = month_of(given.source)
    until = parse_instant(given.until) if given.until else split(tables.flights).validate_until
    horizons = answerable(list(HORIZONS), tables.flights)
    pl.Config.set_tbl_cols(-1).set_tbl_width_chars(160)
    asked, past = asked_after(tables, until, horizons, given.test_share), past_flights(tables, until)
    whole = {"whole", "alone", "days"} & set(given.parts)
    model = fit_until(tables, until, horizons, most=given.flights) if whole else None
    if "whole" in given.parts:
        show(f"{tables.flights.height:,} flights, learned until {until:%Y-%m-%d}", model, asked, past)
    if "days" in given.parts:
        by_day(model, asked, past)
    for kind in [kind for kind in HIDDEN if kind in given.parts]:
        without(kind, tables, until, horizons, given.flights, asked, past)
    if "alone" in given.parts:
        alone(model, tables, until, horizons, asked, given.origins.split(","))
    print(f"\n{timedelta(seconds=round(time.perf_counter() - started))}")


if __name__ == "__main__":
    main()
