"""The files of a run beside its rows: what it cost, and what was left without an answer. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llavaction.api.costs import Tokens
from llavaction.evaluation.contestants.contest import Contest
from llavaction.evaluation.contestants.plan import Plan
from llavaction.utils.jsonl import read_json, write_json, write_jsonl

COSTS_FILE = "costs.json"
UNANSWERED_FILE = "unanswered.jsonl"

_SUMS = ("asked", "cached", "retried", "refused", "without_token_counts")


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """What the runs before this one cost, the first one first."""
    path = folder / COSTS_FILE
    runs: list[dict[str, Any]] = read_json(path)["runs"] if path.exists() else []
    return runs


def write_results(folder: Path, contest: Contest, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    """Write `costs.json`, and `unanswered.jsonl` while there is something in it; return the costs.

    Args:
        earlier: the runs before this one, whose costs count too.
    """
    runs = [*earlier, _costs_of(contest)]
    costs = {"total": _total(runs), "runs": runs}
    write_json(folder / COSTS_FILE, costs)
    unanswered = sorted(contest.unanswered, key=lambda one: (one.task, one.sample_id))
    if unanswered:
        write_jsonl(folder / UNANSWERED_FILE, (one.to_row() for one in unanswered))
    else:
        (folder / UNANSWERED_FILE).unlink(missing_ok=True)
    return costs


def describe_plan(plan: Plan, model: str, num_questions: int, price: float | None) -> str:
    """What a run will take, in one line for the user."""
    cost = "at unknown prices" if price is None else f"for about {price:.2f}"
    return (
        f"{num_questions} questions, {num_questions - plan.num_open} of them settled; {plan.num_requests} requests to "
        f"{model} and {plan.num_cached} cached replies; about {plan.tokens.input:,} input and "
        f"{plan.tokens.output:,} output tokens {cost}"
    )


def describe_costs(costs: dict[str, Any]) -> str:
    """What the last run has done, in one line for the user."""
    run = costs["runs"][-1]
    requests, tokens = run["requests"], run["tokens"]
    spent = "at unknown prices" if run["spent"] is None else f"for {run['spent']:.4f}"
    return (
        f"{requests['asked']} replies asked for, {requests['cached']} cached, {requests['retried']} tries repeated, "
        f"{requests['refused']} refusals; {tokens['input']:,} input and {tokens['output']:,} output tokens {spent}"
    )


def _costs_of(contest: Contest) -> dict[str, Any]:
    asking = contest.asking
    money = asking.spending.money
    return {
        "model": asking.config.model,
        "models": dict(sorted(contest.models.items())),
        "requests": {
            "asked": asking.num_asked,
            "cached": contest.plan.num_cached,
            "retried": asking.num_retries,
            "refused": contest.num_refused,
            "without_token_counts": asking.spending.num_uncounted,
        },
        "tokens": vars(asking.spending.tokens),
        "input_price": asking.config.input_price,
        "output_price": asking.config.output_price,
        "spent": None if money is None else round(money, 6),
        "stopped": None if asking.stop is None else str(asking.stop),
    }


def _total(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The sum over all runs of a folder; no money where the prices of one of them are not known."""
    spent = [run["spent"] for run in runs]
    tokens = sum((Tokens(**run["tokens"]) for run in runs), Tokens())
    return {
        "requests": {name: sum(run["requests"][name] for run in runs) for name in _SUMS},
        "tokens": vars(tokens),
        "spent": None if None in spent else round(sum(spent), 6),
    }
