"""`llavaction evaluate-api`: a model on any OpenAI-compatible server and test samples to rows, metrics and costs."""

from __future__ import annotations

from pathlib import Path

from llavaction.cli.same_config import FREE, refuse_other_config
from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import EvaluateApiRoot
from llavaction.evaluation.contestants.config import check_askable
from llavaction.evaluation.contestants.run import ContestRun, Evaluation
from llavaction.evaluation.questions import read_questions
from llavaction.sft.classes import ClassTable
from llavaction.utils.console import output
from llavaction.utils.errors import ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.logs import set_up_logging
from llavaction.utils.processes import num_processes
from llavaction.utils.runs import record_run

MAY_CHANGE = {
    **FREE,
    "api": (
        *("base_url", "cache", "key_variable", "concurrency", "requests_per_minute", "timeout_s", "max_retries"),
        *("input_price", "output_price", "budget", "dry_run", "frame_tokens", "reasoning_tokens"),
    ),
}
"""What may change when a run goes on: where, how fast and for how much is asked, not what."""


def main(overrides: list[str]) -> None:
    """Evaluate what `overrides` ask for."""
    run(compose_config("evaluate_api", overrides))


def run(root: EvaluateApiRoot) -> dict[str, dict[str, float]] | None:
    """Evaluate, record, and return the metrics by task; None after a dry run.

    Raises:
        BudgetError, ServerError: when questions are left over; what was done is kept.
    """
    folder = Path(root.output)
    _refuse_processes()
    check_askable(root.evaluation)
    refuse_other_config(root, folder, MAY_CHANGE, " (replies that are kept are used there too)")
    set_up_logging(None if root.api.dry_run else folder)
    samples = [Path(task.samples) for task in root.evaluation.tasks.values()]
    classes = ClassTable.load(samples[0].parent) if samples else ClassTable((), (), (), {})
    questions = read_questions(root.evaluation, classes, "the first task")
    evaluation = Evaluation(ContestRun(folder, root.api, root.video, root.evaluation, questions, classes, root.encoder))
    if root.api.dry_run:
        output.print(evaluation.estimate)
        return None
    classes.save(folder)  # what the ids in the rows mean
    hashes, prompt = {str(path): file_sha256(path) for path in samples}, root.api.prompt
    asked = {"model": root.api.model, "prompt": {"name": prompt.name, "version": prompt.version}}
    record_run(folder, "evaluate-api", resolved_yaml(root), hashes, **asked)
    return evaluation.finish()


def _refuse_processes() -> None:
    if num_processes() > 1:
        raise ConfigError(
            f"evaluate-api was started in {num_processes()} processes, and each would ask everything; start it in one "
            "and raise api.concurrency"
        )
