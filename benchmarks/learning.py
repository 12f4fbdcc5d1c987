"""What learning from landings costs, for each event and for each question, beside the same without it in one process.

    python benchmarks/learning.py [--alias champion] [--until 2013-12-05] [--hours 24] [--late 0]

Plays the hours after an instant into two live states, one of which learns about the model, as an API does: at some landings together, between
events. `--late 2` lets each event become known up to two minutes after what it tells of, so that looking back must hide it. Then asks the same
questions of both. Processor time.

Measured on a quiet machine of two cores, a day of three airports, 1,785 events of which 795 are landings, looked at 16 together:

    an event                              132 µs without,    584 µs with (1.0 ms for each landing)
    an event, up to two minutes late      191 µs without,  2,825 µs with (5.9 ms for each landing)
    a question alone                    2,257 µs without,     31 µs more
    a question among 16                   393 µs without,    as much within what is measured

A landing is looked at between questions; a question waits only for landings of the last two hours that nobody has looked at yet.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl

from flight_delay.core.config import settings
from flight_delay.models import registry
from flight_delay.online.live_facts import known_until
from flight_delay.serving.learned import learned_from
from flight_delay.serving.learning import LOOK_AT_ONCE, LearningState, learn
from flight_delay.serving.live import query_of_row
from flight_delay.serving.prediction import answers
from flight_delay.serving.replay import events_between
from flight_delay.sources import store


def microseconds(work: Callable[[], object], times: int) -> float:  # of processor time, each
    "What one of several runs takes."
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1e6


def main() -> None:
    "Print both costs, with and without learning."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alias", default="champion")
    parser.add_argument("--until", default="2013-12-05", type=lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--late", type=float, default=0.0)
    given, random = parser.parse_args(), Random(0)
    config = settings()
    model, tables = registry.load(given.alias, config), store.latest(config.source, config)
    end = given.until + timedelta(hours=given.hours)
    events = events_between(tables, given.until, end)
    for event in events:
        event["known_at"] += timedelta(seconds=round(60 * given.late * random.random()))
    events.sort(key=lambda event: event["known_at"])
    states = {name: LearningState.from_tables(tables, until=given.until) for name in ("without", "with")}
    learn(states["with"], model, learned_from(model, known_until(tables, given.until)))
    learning = states["with"].learning[model.version]
    took = {}
    for name, state in states.items():
        start = time.process_time()
        for event in events:
            state.observe(event)
            if name == "with" and len(learning.waiting) >= LOOK_AT_ONCE:
                learning.look_around()
        took[name] = (time.process_time() - start) / len(events) * 1e6
    landings = sum(event["kind"] == "arrived" for event in events)
    print(f"{len(events):,} events, {landings:,} of them landings, known up to {given.late:g} minutes late")
    print(f"an event      {took['without']:7.0f} µs without, {took['with']:7.0f} µs with")
    print(f"a landing     {(took['with'] - took['without']) * len(events) / landings:7.0f} µs more")
    rows = tables.flights.with_row_index().filter(pl.col("scheduled_departure").is_between(end, end + timedelta(hours=6)))
    queries = [query_of_row(states["with"], row, end)[0] for row in rows["index"][:16].to_list()]
    while learning.waiting:
        learning.look_around(64)
    for size in (1, 16):
        cost = {}
        for _ in range(3):  # the least of three rounds, taken in turns
            for name, state in states.items():
                once = microseconds(lambda state=state, size=size: answers(model, state, queries[:size]), 200) / size
                cost[name] = min(cost.get(name, once), once)
        more = cost["with"] - cost["without"]
        print(f"{size:2} at once    {cost['without']:7.0f} µs without, {cost['with']:7.0f} µs with each: {more:.0f} µs more")


if __name__ == "__main__":
    main()
