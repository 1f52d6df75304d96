"""Submissions to the EK100 action recognition challenge, version 0.2: scores of verbs and nouns for each segment.

    {"version": "0.2", "challenge": "action_recognition", "sls_pt": 2, "sls_tl": 3, "sls_td": 4,
     "results": {"P01_11_0": {"verb": {"0": 1.2, ..., "96": -3.0}, "noun": {"0": 0.1, ..., "299": 0.4},
                              "action": {"0,2": 7.1, ...}}}}

`action` is optional: a score for "verb,noun" pairs. Without it, a pair's probability is the product of the verb's and
the noun's (softmax over each), for the 100 best verbs and the 100 best nouns, as the challenge's evaluation does.

Pairs that no annotation has cannot be options and are left out; how many there were stands in the source. What is kept
is as many actions as every segment has, at most 100; from verbs and nouns these are always 100 in EK100.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import verbs_and_nouns
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import TOP_K, best_columns, check_finite, rank_blocks
from llavaction.utils.errors import DataError

VERSION = "0.2"
CHALLENGE = "action_recognition"
CLASSES_PAIRED = 100
_PAIR = re.compile(r"\d+,\d+")


def fits(content: Any) -> bool:
    """Whether a JSON file is a submission."""
    return isinstance(content, dict) and ("results" in content or "challenge" in content)


def read(path: Path, content: Any, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of the submission's JSON; derived actions have the sum of both scores.

    Raises:
        DataError: for another version or challenge, or a segment whose scores are missing, too many or not finite.
    """
    results = check_results(path, content)
    actions = action_scores(path, results)
    if actions is None:
        return _from_verbs_and_nouns(path, results, vocabulary)
    return _from_actions(path, actions, vocabulary)


def check_results(path: Path, content: Any) -> dict[str, dict[str, Any]]:
    """The entries of a submission by segment id.

    Raises:
        DataError: for another version or challenge, or a segment without an entry.
    """
    results = content.get("results") if isinstance(content, dict) else None
    if not isinstance(results, dict) or not results:
        raise DataError(f"{path}: no segments in 'results'; expected an EK100 submission with one entry for each")
    for key, expected in (("version", VERSION), ("challenge", CHALLENGE)):
        if content.get(key) != expected:
            raise DataError(f"{path}: {key!r} is {content.get(key)!r}, expected {expected!r}")
    for segment_id, entry in results.items():
        if not isinstance(entry, dict):
            raise DataError(f"{path}: segment {segment_id!r} holds no object with 'verb' and 'noun'")
    return results


def class_scores(path: Path, results: dict[str, Any], part: str, num_classes: int) -> np.ndarray:
    """Scores `[N, num_classes]` of the verbs or nouns (`part` is ``verb`` or ``noun``), float64.

    Raises:
        DataError: when a segment has not a finite score for each class.
    """
    keys = [str(class_id) for class_id in range(num_classes)]
    expected = set(keys)
    rows = []
    for segment_id, entry in results.items():
        scores = entry.get(part)
        if not isinstance(scores, dict) or scores.keys() != expected:
            found = len(scores) if isinstance(scores, dict) else "no"
            raise DataError(
                f"{path}: segment {segment_id!r} has {found} scores of {part}s, expected one for each class from '0' "
                f"to '{num_classes - 1}'"
            )
        rows.append([scores[key] for key in keys])
    array = np.array(rows)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{path}: scores of {part}s must be numbers, found {array.dtype}")
    check_finite(str(path), list(results), array)
    return array.astype(np.float64)


def action_scores(path: Path, results: dict[str, Any]) -> dict[str, dict[str, float]] | None:
    """The scores of ``"verb,noun"`` pairs by segment id; None where no segment has any.

    Raises:
        DataError: when only some have, or a score is no finite number.
    """
    num_with_actions = sum("action" in entry for entry in results.values())
    if num_with_actions not in (0, len(results)):
        raise DataError(
            f"{path}: {num_with_actions} of {len(results)} segments have 'action'; either all must have it or none"
        )
    if not num_with_actions:
        return None
    actions = {segment_id: entry["action"] for segment_id, entry in results.items()}
    for segment_id, scores in actions.items():
        if not isinstance(scores, dict) or not all(_PAIR.fullmatch(k) and _is_number(v) for k, v in scores.items()):
            raise DataError(f"{path}: segment {segment_id!r}: 'action' must hold a finite number for each 'verb,noun'")
    return actions


def _from_verbs_and_nouns(path: Path, results: dict[str, Any], vocabulary: Vocabulary) -> TopKPredictions:
    segment_ids = list(results)
    verbs = class_scores(path, results, "verb", len(vocabulary.verbs))
    nouns = class_scores(path, results, "noun", len(vocabulary.nouns))
    verb_ids, noun_ids = verbs_and_nouns(vocabulary)
    exists = np.zeros((len(vocabulary.verbs), len(vocabulary.nouns)), bool)
    exists[verb_ids, noun_ids] = True
    num_strange = int((~exists[verbs.argmax(axis=1), nouns.argmax(axis=1)]).sum())
    best_verbs, best_nouns = _best_only(verbs), _best_only(nouns)

    def block_of(rows: slice) -> np.ndarray:
        # The logarithm of a product of softmaxes is the sum of the scores, but for a constant of the segment.
        sums: np.ndarray = best_verbs[rows][:, verb_ids] + best_nouns[rows][:, noun_ids]
        return sums

    source = f"{path} (the first verb and noun of {num_strange} of {len(results)} segments are no annotated action)"
    return rank_blocks(source if num_strange else str(path), segment_ids, block_of, vocabulary.num_actions)


def _best_only(scores: np.ndarray) -> np.ndarray:
    """`scores` `[N, C]` with minus infinity for all but the best classes of each row."""
    if scores.shape[1] <= CLASSES_PAIRED:
        return scores
    best = best_columns(scores, CLASSES_PAIRED)
    kept = np.full_like(scores, -np.inf)
    np.put_along_axis(kept, best, np.take_along_axis(scores, best, axis=1), axis=1)
    return kept


def _from_actions(path: Path, actions: dict[str, dict[str, float]], vocabulary: Vocabulary) -> TopKPredictions:
    known = {key.replace(":", ","): action_id for action_id, key in enumerate(vocabulary.action_keys)}
    rows: list[list[tuple[float, int]]] = []
    num_strange = num_scores = 0
    for segment_id, scores in actions.items():
        # Tuples sort by falling score, then by action id.
        rows.append(sorted((-score, known[key]) for key, score in scores.items() if key in known))
        if not rows[-1]:
            raise DataError(f"{path}: segment {segment_id!r} ranks no action of the annotations")
        num_strange += len(scores) - len(rows[-1])
        num_scores += len(scores)
    num_kept = min(TOP_K, *map(len, rows))
    best = np.array([row[:num_kept] for row in rows])
    source = f"{path} ({num_strange} of {num_scores} scores are for no annotated action)" if num_strange else str(path)
    return TopKPredictions(source, tuple(actions), best[:, :, 1].astype(np.int32), -best[:, :, 0].astype(np.float32))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
