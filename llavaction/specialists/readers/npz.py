"""Predictions of any origin as NPZ: `segment_ids` [N] and either `logits` or `action_keys`.

`logits` [N, num_actions] has a column for each of the text-sorted ``"verb:noun"`` keys of the annotations (training and
validation together). `action_keys` [N, K] has the keys themselves, best first, to which `scores` [N, K] may be added.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.class_ids import ids_of_keys
from llavaction.specialists.predictions import TopKPredictions
from llavaction.specialists.ranking import check_falling, check_finite, check_shape, rank_scores
from llavaction.utils.errors import DataError

Arrays = dict[str, np.ndarray]


def load(path: Path) -> Arrays:
    """The file's arrays.

    Raises:
        DataError: when it is something else, or has arrays of objects, which would have to be unpickled.
    """
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            raise DataError(f"{path}: a single array; save several by name with np.savez")
        with content as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: not an NPZ file of plain arrays ({error}); save texts with dtype=str and numbers as they are"
        ) from None


def read(path: Path, arrays: Arrays, table: SegmentTable, vocabulary: Vocabulary) -> TopKPredictions:
    """Predictions of the file's arrays.

    Raises:
        DataError: when arrays are missing or do not fit each other, or a key is no action of the annotations.
    """
    if "segment_ids" not in arrays or ("logits" in arrays) == ("action_keys" in arrays):
        raise DataError(
            f"{path}: needs the arrays 'segment_ids' and one of 'logits' and 'action_keys'; has {', '.join(arrays)}"
        )
    ids = arrays["segment_ids"]
    if ids.ndim != 1 or ids.dtype.kind != "U":
        raise DataError(f"{path}: 'segment_ids' has shape {ids.shape} and type {ids.dtype}; expected text [N]")
    segment_ids = [str(segment_id) for segment_id in ids]
    if "logits" in arrays:
        return rank_scores(str(path), segment_ids, arrays["logits"], vocabulary.num_actions, "logits")
    return _from_keys(path, segment_ids, arrays, vocabulary)


def _from_keys(path: Path, segment_ids: list[str], arrays: Arrays, vocabulary: Vocabulary) -> TopKPredictions:
    keys = arrays["action_keys"]
    if keys.ndim != 2 or len(keys) != len(segment_ids) or keys.dtype.kind != "U":
        raise DataError(
            f"{path}: 'action_keys' has shape {keys.shape} and type {keys.dtype}; expected text [{len(segment_ids)}, K]"
        )
    distinct, places = np.unique(keys, return_inverse=True)
    action_ids = np.array(list(ids_of_keys(str(path), map(str, distinct), vocabulary).values()), np.int32)
    scores = np.full(keys.shape, np.nan, np.float32)
    if "scores" in arrays:
        check_shape(str(path), "scores", arrays["scores"], *keys.shape)
        check_finite(str(path), segment_ids, arrays["scores"])
        check_falling(str(path), segment_ids, arrays["scores"])
        scores = arrays["scores"].astype(np.float32)
    return TopKPredictions(str(path), tuple(segment_ids), action_ids[places.reshape(keys.shape)], scores)
