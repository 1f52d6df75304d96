"""Submissions to the EK100 action recognition challenge as files: `test.json` in a zip, version 0.2. No torch.

The JSON is described in `llavaction.specialists.readers.challenge`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.vocabulary import Vocabulary
from llavaction.evaluation.class_scores import ClassScores
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import check_finite
from llavaction.specialists.readers.challenge import (
    CHALLENGE,
    VERSION,
    action_scores,
    check_results,
    class_scores,
)
from llavaction.utils.errors import ConfigError, DataError
from llavaction.utils.jsonl import read_json

MEMBER = "test.json"
"""What the challenge's server looks for in the zip."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class SupervisionLevels:
    """How much supervision a model had, each from 0 (none) to 5, as the challenge asks its users to declare.

    Attributes:
        pretraining: written as ``sls_pt``.
        labels: of training (``sls_tl``).
        data: of training (``sls_td``).
    """

    pretraining: int
    labels: int
    data: int

    def __post_init__(self) -> None:
        for name, level in vars(self).items():
            if level not in range(6):
                raise ConfigError(f"supervision level {name} = {level}: must be a whole number from 0 to 5")


@dataclass(frozen=True)
class Submission:
    """What a submission says; `actions` are its own scores of ``"verb,noun"`` pairs by segment, where it has any."""

    scores: ClassScores
    actions: Mapping[str, Mapping[str, float]] | None


def write_submission(path: Path, submission: Submission, levels: SupervisionLevels) -> None:
    """Write a zip that can be sent in; equal scores give equal bytes.

    Args:
        path: ending in ``.zip``.
        submission: for exactly the segments that the challenge has. Without scores of actions, the challenge makes
            them from those of verbs and nouns.

    Raises:
        DataError: when a segment has no scores of actions, though there are some.
    """
    scores, actions = submission.scores, submission.actions
    results: dict[str, dict[str, Mapping[str, float]]] = {
        segment_id: {"verb": _by_class(verbs), "noun": _by_class(nouns)}
        for segment_id, verbs, nouns in zip(scores.segment_ids, scores.verb.tolist(), scores.noun.tolist())
    }
    if actions is not None:
        if actions.keys() != results.keys():
            raise DataError(f"{scores.source}: scores of actions and of verbs and nouns are not for the same segments")
        for segment_id, by_pair in actions.items():
            results[segment_id]["action"] = by_pair
    content = {
        "version": VERSION,
        "challenge": CHALLENGE,
        "sls_pt": levels.pretraining,
        "sls_tl": levels.labels,
        "sls_td": levels.data,
        "results": results,
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # A fixed date instead of today's: the same scores are the same bytes.
        member = zipfile.ZipInfo(MEMBER, date_time=_EPOCH)
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        # Digits of scores hardly compress; the highest level takes four times as long for a few percent.
        archive.writestr(member, text, zipfile.ZIP_DEFLATED, compresslevel=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(buffer.getvalue())
    temporary.replace(path)


def read_submission(path: Path, vocabulary: Vocabulary) -> Submission:
    """Read a submission's zip, or the JSON alone.

    Raises:
        DataError: when it is none, see the reader of the JSON.
    """
    return to_submission(path, read_content(path), vocabulary)


def read_content(path: Path) -> Any:
    """What the JSON holds, be it in a zip or alone.

    Raises:
        DataError: when it is missing or is not JSON.
    """
    if path.suffix.lower() != ".zip":
        return read_json(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(MEMBER))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(f"{path}: not a zip that holds JSON as {MEMBER!r} ({error})") from None


def to_submission(path: Path, content: Any, vocabulary: Vocabulary) -> Submission:
    """The submission that a file's `content` is; see `read_submission`."""
    results = check_results(path, content)
    scores = ClassScores(
        source=str(path),
        segment_ids=tuple(results),
        verb=class_scores(path, results, "verb", len(vocabulary.verbs)),
        noun=class_scores(path, results, "noun", len(vocabulary.nouns)),
    )
    return Submission(scores, action_scores(path, results))


def scores_by_pair(predictions: TopKPredictions, vocabulary: Vocabulary) -> dict[str, dict[str, float]]:
    """Ranked actions as a submission has them.

    Raises:
        DataError: when the predictions have no scores.
    """
    check_finite(predictions.source, predictions.segment_ids, predictions.scores)
    pairs = np.array([key.replace(":", ",") for key in vocabulary.action_keys])[predictions.action_ids]
    return {
        segment_id: dict(zip(keys, scores))
        for segment_id, keys, scores in zip(predictions.segment_ids, pairs.tolist(), predictions.scores.tolist())
    }


def _by_class(values: list[float]) -> dict[str, float]:
    return {str(class_id): value for class_id, value in enumerate(values)}
