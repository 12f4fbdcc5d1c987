"""A nation's features held against leaks, an independent oracle and the live state.

    .venv/bin/python benchmarks/nation_proofs.py SOURCE --days 2021-12-09 2021-12-22 [parts: leaks oracle parity ...]
        [--instants 2] [--queries 150] [--asked 1500]

SOURCE is one month of flights: whatever `sources.load` reads, or a folder of canonical parquet files. What the tests do with the embedded year
is done here with a nation's month, by the tests' own code (`tests/features/test_offline.py`, `tests/online/test_state.py`):

- `leaks`: at `--instants` instants of each day, flights at every distance are asked about; then what happens after the instant is made
  nonsense, deleted and shuffled, and every bit must stay (and must not where the last three hours are nonsense). So too for flights that left early, with their own outcome spoiled.
- `oracle`: `--queries` queries of each horizon; every look-up of the ledger counted again by a database, and what the aircraft flies
  before, flight by flight.
- `parity`: each day event by event into the live state, which is asked on the way `--asked` times; every bit must be the offline row's.

Ends with exit code 1 where something differs.

Measured on December 2021, 9 and 22 December: 126,084 values with the future spoiled, none differs; 108 features of 2,100 queries by the database,
174,071 known values, none differs; 106,561 events and 3,000 questions, none of 133 columns differs.
"""

import argparse
import importlib
import resource
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from nation import month_of

from flight_delay.features.declarations import LEDGER, LEGS_BEFORE
from flight_delay.features.offline import build
from flight_delay.features.queries import HORIZONS, at_horizon
from flight_delay.features.timetable import with_local_time
from flight_delay.online.state import State
from flight_delay.sources.tables import Tables
from flight_delay.training.blocks import answerable

sys.path.insert(0, str(Path(__file__).parent.parent))
offline, online = (importlib.import_module(f"tests.{name}") for name in ("features.test_offline", "online.test_state"))
WAYS = ("nonsense", "deleted", "shuffled")


def until(tables: Tables, end: datetime) -> Tables:
    "The flights and reports before an instant."
    flights = tables.flights.filter(pl.col("scheduled_departure") < end)
    return replace(tables, flights=flights, weather=tables.weather.filter(pl.col("known_at") < end))


def different(one: pl.DataFrame, other: pl.DataFrame) -> list[str]:
    "The columns that are not the same bits."
    return [name for name in one.columns if not one[name].equals(other[name])]


def leaks(tables: Tables, day: datetime, given: argparse.Namespace) -> int:  # differences
    "Spoil the future of some instants, and the outcome of some flights that left early."
    tables, wrong, values, seen = until(tables, day + timedelta(days=2)), 0, 0, []
    hours = np.linspace(13, 26, given.instants)
    for as_of in (day + timedelta(hours=float(hour)) for hour in hours):
        ask = offline.around(tables.flights, as_of)
        in_the_air = pl.col("actual_departure") + pl.duration(minutes="taxi_out") <= as_of
        flying = tables.flights.filter(in_the_air & (pl.col("actual_departure") > as_of - timedelta(hours=1))).tail(12)
        airborne = flying.select("flight_id", pl.lit(as_of).cast(ask.schema["as_of"]).alias("as_of"), stage=pl.lit("airborne"))
        ask = pl.concat([ask.filter(~pl.col("flight_id").is_in(flying["flight_id"].implode())), airborne])
        truth = build(tables, ask)
        for how in WAYS:
            wrong += len(different(build(offline.spoiled(tables, as_of, how), ask), truth))
        values += truth.height * truth.width * len(WAYS)
        waiting = ask["stage"] == "scheduled"
        past = build(offline.spoiled(tables, as_of - timedelta(hours=3), "nonsense"), ask.filter(waiting))
        seen.append(len(different(past, truth.filter(waiting))))
    early = tables.flights.filter(
        pl.col("departure_delay") < -10, pl.col("scheduled_departure").is_between(day, day + timedelta(1))
    )
    asks = early.sample(given.instants, seed=1).select("flight_id", as_of="scheduled_departure", stage=pl.lit("scheduled"))
    for i, (name, as_of, _) in enumerate(asks.rows()):
        truth = build(tables, asks[i])
        for how in WAYS:
            wrong += len(different(build(offline.spoiled(tables, as_of, how, own=[name]), asks[i]), truth))
        values += truth.width * len(WAYS)
    print(
        f"  leaks: {values:,} values with the future spoiled, {wrong} columns differ; with the last three hours "
        f"spoiled too, as they should, {min(seen)} or more do",
        flush=True,
    )
    return wrong if min(seen) > 20 else 1


def counted_again(tables: Tables, asks: pl.DataFrame, folder: Path) -> pl.DataFrame:  # feature, largest difference, known
    "The look-ups of the ledger by a database, beside those of the engine."
    built, plans = build(tables, asks), offline.plans_of(tables)
    flights = with_local_time(tables.flights, tables.airports).rename({"planned_minutes": "planned"})
    asked = asks.with_row_index("i").join(flights, on="flight_id", maintain_order="left")
    asked = asked.join(plans, on="flight_id", how="left", maintain_order="left")
    soon = (pl.col("scheduled_departure") - pl.col("as_of") <= pl.duration(hours=3)) & pl.col("plan_possible")
    known = pl.when(soon | (pl.col("stage") != "scheduled")).then("tail_number")
    asked = asked.with_columns(departs="scheduled_departure", tail_number=known).drop("plan_possible")
    database, rows = offline.database_of(folder, flights=flights, weather=tables.weather, asked=asked), []
    for feature in (f for f in LEDGER if f.stream and f.statistic not in LEGS_BEFORE):
        ours, theirs = built[feature.name].to_numpy(), offline.by_sql(database, feature)
        same = np.isclose(ours, theirs, rtol=0, atol=1e-6, equal_nan=True)
        rows.append((feature.name, int((~same).sum()), int(np.isfinite(theirs).sum())))
    gone = asks.with_columns(pl.col("stage").replace("airborne", "departed"))  # the tail is known from there on
    legs = offline.legs_by_hand(tables.flights, gone, dict(plans.rows())).cast(pl.Float64)
    rows += [(name, int((~built[name].eq_missing(legs[name])).sum()), legs[name].count()) for name in legs.columns]
    return pl.DataFrame(rows, schema=["feature", "different", "known"], orient="row")


def oracle(tables: Tables, day: datetime, given: argparse.Namespace) -> int:  # differences
    "Count the look-ups of some queries of a day again."
    tables = until(tables, day + timedelta(days=3))
    of_day = tables.flights.filter(pl.col("scheduled_departure").is_between(day, day + timedelta(days=1), closed="left"))
    horizons = answerable(list(HORIZONS), tables.flights)
    asks = pl.concat(at_horizon(of_day, name).sample(given.queries, seed=3) for name in horizons)
    with TemporaryDirectory() as folder:
        found = counted_again(tables, asks, Path(folder))
    wrong = found.filter(pl.col("different") > 0)
    print(
        f"  oracle: {found.height} features of {asks.height:,} queries ({', '.join(horizons)}), {found['known'].sum():,} known "
        f"values; {wrong['different'].sum()} values differ {wrong.rows() or ''}",
        flush=True,
    )
    return wrong.height


def parity(tables: Tables, day: datetime, given: argparse.Namespace) -> int:  # differences
    "Tell a live state what happens on a day, and ask it on the way."
    end = day + timedelta(days=1)
    tables = until(tables, end + timedelta(days=8))
    horizons = answerable(list(HORIZONS), tables.flights)
    asks = pl.concat(at_horizon(tables.flights, name) for name in horizons).filter(pl.col("as_of").is_between(day, end))
    asks = asks.sample(min(given.asked, asks.height), seed=2).sort("as_of", "flight_id")
    events, began, cpu = online.events_of(tables, day, end), time.perf_counter(), time.process_time()
    state = State.from_tables(tables, until=day)
    ready, told, rows = time.perf_counter() - began, 0, []
    for name, as_of, _ in asks.rows():
        while told < len(events) and events[told][0] <= as_of:
            state.observe(events[told][1])
            told += 1
        rows.append(state.features(name, as_of))
    cpu, live, truth = time.process_time() - cpu, pl.concat(rows), build(tables, asks)
    wrong = different(live, truth)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"  parity: {told:,} events and {asks.height:,} questions at {', '.join(horizons)}; {len(wrong)} of {truth.width} columns "
        f"differ {wrong or ''} (state ready after {ready:.0f} s, {cpu:.0f} s of processor in all, peak of this script {peak:.1f} GB)",
        flush=True,
    )
    return len(wrong)


PARTS = {"leaks": leaks, "oracle": oracle, "parity": parity}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("parts", nargs="*", default=list(PARTS))
    parser.add_argument("--days", nargs="+", type=date.fromisoformat, required=True)
    parser.add_argument("--instants", type=int, default=2, help="whose future is spoiled, a day")
    parser.add_argument("--queries", type=int, default=150, help="of each horizon that are counted again, a day")
    parser.add_argument("--asked", type=int, default=1500, help="questions to the live state, a day")
    given, wrong = parser.parse_args(), 0
    tables = month_of(given.source)
    for day in given.days:
        print(f"{day}, {tables.flights.height:,} flights, {len(LEDGER)} features", flush=True)
        for part in given.parts:
            began = time.perf_counter()
            wrong += PARTS[part](tables, datetime(day.year, day.month, day.day, tzinfo=UTC), given)
            print(f"    {time.perf_counter() - began:.0f} s", flush=True)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
