"""TIM's pickle of `--extract_feats`: ``{"action": [N, C], "verb": [N, 97], "noun": [N, 300], "v_narration_ids": [N]}``.

Ids stand in any order. The ranking is that of `action`, whose class index must be the vocabulary's action id: the
file says nothing about it, so the verbs and nouns of the first actions are compared with what `verb` and `noun` say.
Sound (`audio`, `a_narration_ids`) is passed over.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import verbs_and_nouns
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import check_shape, rank_scores
from llavaction.utils.errors import DataError

_IDS = "v_narration_ids"

# A trained model's heads agree on most verbs; with classes numbered otherwise they agree by chance, on a few percent.
_LEAST_AGREEMENT = 0.25


def fits(content: Any) -> bool:
    """Whether a pickle is TIM's."""
    return isinstance(content, dict) and _IDS in content


def read(path: Path, content: Any, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of the pickle's content.

    Raises:
        DataError: when arrays are missing, have another number of rows or classes than ids and annotations, or the
            actions seem to be numbered otherwise.
    """
    missing = [
        name for name in (_IDS, "action", "verb", "noun") if not isinstance(content, dict) or name not in content
    ]
    if missing:
        raise DataError(f"{path}: no {', '.join(map(repr, missing))} in it; TIM's pickle of EPIC-KITCHENS has them")
    segment_ids = [str(segment_id) for segment_id in content[_IDS]]
    action = content["action"]
    if getattr(action, "ndim", 0) == 2 and action.shape[1] != vocabulary.num_actions:
        raise DataError(
            f"{path}: 'action' has {action.shape[1]} classes, the annotations {vocabulary.num_actions}; if the model "
            "was trained on other action classes, save its 'verb' and 'noun' scores as the challenge's JSON, from "
            "which actions are derived"
        )
    check_shape(str(path), "verb", content["verb"], len(segment_ids), len(vocabulary.verbs))
    check_shape(str(path), "noun", content["noun"], len(segment_ids), len(vocabulary.nouns))
    predictions = rank_scores(str(path), segment_ids, action, vocabulary.num_actions, "action")
    _check_numbering(predictions, content["verb"], content["noun"], vocabulary)
    return predictions


def _check_numbering(predictions: TopKPredictions, verb: np.ndarray, noun: np.ndarray, vocabulary: Vocabulary) -> None:
    verb_ids, noun_ids = verbs_and_nouns(vocabulary)
    first = predictions.action_ids[:, 0]
    share_verbs = float((verb_ids[first] == verb.argmax(axis=1)).mean())
    share_nouns = float((noun_ids[first] == noun.argmax(axis=1)).mean())
    if min(share_verbs, share_nouns) < _LEAST_AGREEMENT:
        raise DataError(
            f"{predictions.source}: the first action's verb is the first of 'verb' in {share_verbs:.1%} of the "
            f"segments and its noun the first of 'noun' in {share_nouns:.1%}; the columns of 'action' seem to be "
            "numbered otherwise than by the text-sorted 'verb:noun' keys of both CSVs; bring them into that order, "
            "or save 'verb' and 'noun' as the challenge's JSON"
        )
