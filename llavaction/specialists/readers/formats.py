"""The table of prediction formats, and how one is found for a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llavaction.annotations.segments import SegmentTable
from llavaction.annotations.vocabulary import Vocabulary
from llavaction.specialists.pickles import load_pickle
from llavaction.specialists.predictions import TopKPredictions, read_parquet
from llavaction.specialists.readers import avion, challenge, csv, npz, parquet, public_json, tim
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import DataError
from llavaction.utils.jsonl import read_json


class PredictionsFormat(StrEnum):
    """How a prediction file is laid out; each is described where it is read."""

    AUTO = "auto"
    """The file's ending tells, and where several share one, its content."""
    PUBLIC_JSON = "public_json"
    AVION = "avion"
    TIM = "tim"
    CHALLENGE = "challenge"
    PARQUET = "parquet"
    CSV = "csv"
    NPZ = "npz"


@dataclass(frozen=True)
class Format:
    """How a format is recognised and read.

    Attributes:
        endings: of its files, in lower case.
        load: reads the file's content.
        fits: whether content of a file with this ending is of this format.
        mark: what `fits` looks for, in words.
        read: makes predictions of the content.
    """

    endings: tuple[str, ...]
    load: Callable[[Path], Any]
    fits: Callable[[Any], bool]
    mark: str
    read: Callable[[Path, Any, SegmentTable, Vocabulary], TopKPredictions]


def _always(content: Any) -> bool:
    return True


_JSON, _PICKLE = (".json",), (".pkl", ".pickle", ".pt", ".pth")

FORMATS: dict[PredictionsFormat, Format] = {
    PredictionsFormat.CHALLENGE: Format(_JSON, read_json, challenge.fits, "has 'results'", challenge.read),
    # Last of its ending, as it has no key of its own: whatever else a JSON file is, its reader says so.
    PredictionsFormat.PUBLIC_JSON: Format(_JSON, read_json, _always, "has a key for each row", public_json.read),
    PredictionsFormat.AVION: Format(_PICKLE, load_pickle, avion.fits, "has 'logits'", avion.read),
    PredictionsFormat.TIM: Format(_PICKLE, load_pickle, tim.fits, "has 'v_narration_ids'", tim.read),
    PredictionsFormat.PARQUET: Format((".parquet",), read_parquet, _always, "any", parquet.read),
    PredictionsFormat.CSV: Format((".csv",), csv.load, _always, "any", csv.read),
    PredictionsFormat.NPZ: Format((".npz",), npz.load, _always, "any", npz.read),
}


def read_predictions(
    path: Path,
    table: SegmentTable,
    vocabulary: Vocabulary,
    format: PredictionsFormat = PredictionsFormat.AUTO,
) -> TopKPredictions:
    """Read the predictions for all segments of `table`, in its row order.

    Args:
        format: of the file; AUTO goes by its ending, and by its content where several formats share that.

    Raises:
        DataError: for a file of no known format, or predictions that do not cover exactly `table`.
    """
    if format is PredictionsFormat.AUTO:
        candidates = _by_ending(path)
        content = candidates[0].load(path)
        chosen = _by_content(path, content, candidates)
    else:
        chosen = FORMATS[format]
        content = chosen.load(path)
    predictions = chosen.read(path, content, table, vocabulary)
    predictions.check_covers(table)
    return predictions.in_order_of(table)


def _by_ending(path: Path) -> list[Format]:
    """The formats whose files end like this; those that share an ending load alike."""
    candidates = [entry for entry in FORMATS.values() if path.suffix.lower() in entry.endings]
    if not candidates:
        endings = dict.fromkeys(ending for entry in FORMATS.values() for ending in entry.endings)
        raise DataError(f"{path}: unknown prediction format; known endings: {', '.join(endings)}")
    return candidates


def _by_content(path: Path, content: Any, candidates: list[Format]) -> Format:
    for entry in candidates:
        if entry.fits(content):
            return entry
    found = f"the keys {sorted(map(str, content))}" if isinstance(content, dict) else f"a {type(content).__name__}"
    known = " or ".join(f"{name} ({entry.mark})" for name, entry in FORMATS.items() if entry in candidates)
    raise DataError(f"{path}: none of the formats {known}; it holds {found}")
