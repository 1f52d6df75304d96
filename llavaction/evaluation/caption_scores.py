"""How alike written and true descriptions are, by the measures of image captioning (pycocoevalcap). No torch.

Texts are compared in lower case and without punctuation; the library's own tokenizer would need Java.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from llavaction.evaluation.predictions import Row
from llavaction.text.matching import normalise
from llavaction.utils.errors import ConfigError

_PACKAGE = "pycocoevalcap"


def can_score_captions() -> bool:
    """Whether the library is there."""
    return find_spec(_PACKAGE) is not None


def rouge_l(rows: Sequence[Row]) -> np.ndarray:
    """ROUGE-L of each row `[N]` (Lin 2004, with beta 1.2 as in COCO captions): from 0 to 1.

    Raises:
        ConfigError: when the library is not installed.
    """
    _check()
    from pycocoevalcap.rouge.rouge import Rouge

    # Its score of an empty text would be an error.
    scorer = Rouge()
    return np.array(
        [scorer.calc_score([text], [reference]) if text and reference else 0.0 for text, reference in _pairs(rows)]
    )


def cider(rows: Sequence[Row]) -> np.ndarray:
    """CIDEr of each row `[N]` (Vedantam et al. 2015, words weighted by how rare they are among the rows' references).

    From 0 to 10; published figures are often this times 100.

    Raises:
        ConfigError: when the library is not installed.
    """
    _check()
    from pycocoevalcap.cider.cider import Cider

    pairs = _pairs(rows)
    texts = {number: [text] for number, (text, _) in enumerate(pairs)}
    references = {number: [reference] for number, (_, reference) in enumerate(pairs)}
    _, scores = Cider().compute_score(references, texts)
    return np.asarray(scores, float)


def _pairs(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(normalise(row.raw or ""), normalise(row.answer)) for row in rows]


def _check() -> None:
    if not can_score_captions():
        raise ConfigError(f'captions are scored with {_PACKAGE}; pip install "llavaction[captions]"')
