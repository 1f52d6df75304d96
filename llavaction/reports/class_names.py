"""Names of the verbs and nouns in rows, which have ids alone."""

from __future__ import annotations

from collections.abc import Sequence

from llavaction.reports.figures.config import Part
from llavaction.reports.tables.run_state import EvaluationFolder
from llavaction.sft.classes import CLASSES_FILE
from llavaction.text.class_texts import noun_text, verb_text
from llavaction.utils.errors import DataError


def class_names(run: EvaluationFolder, part: Part, class_ids: Sequence[int]) -> list[str]:
    """Classes in plain words, by the `classes.json` of a run's folder.

    Raises:
        DataError: when it is missing, or does not have one of the classes.
    """
    keys, in_words = (run.classes.verbs, verb_text) if part is Part.VERB else (run.classes.nouns, noun_text)
    unknown = [class_id for class_id in class_ids if not 0 <= class_id < len(keys)]
    if unknown:
        raise DataError(f"{run.path / CLASSES_FILE}: has {len(keys)} {part}s, and none with the id {unknown[0]}")
    names = [in_words(keys[class_id]) for class_id in class_ids]
    # Two keys with the same words would be one row of a table.
    return [f"{name} ({keys[i]})" if names.count(name) > 1 else name for name, i in zip(names, class_ids)]
