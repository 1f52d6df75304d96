"""Turn the action head's rows into a prediction file, which `distractors=self_mined` draws wrong options from.

    llavaction evaluate evaluation=mine_distractors model.checkpoint=FOLDER paths.sft=FOLDER paths.videos=FOLDER \
        output=runs/mine
    python data_prep/mine_distractors.py --annotations EK100_FOLDER --split train --run runs/mine --output train.parquet
    llavaction build-sft distractors=self_mined distractors.self_mined.train_file=train.parquet sft.splits=[train] ...

A model that was trained on these very segments makes too few mistakes on them: mine with one that was not, for example
one per fold of participants (`make_folds.py`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llavaction.annotations.epic_kitchens import AnnotationsConfig, Split, load_annotations
from llavaction.evaluation.mining import mined_predictions
from llavaction.sft.classes import ClassTable
from llavaction.specialists.agreement import overfit_warning
from llavaction.specialists.predictions import save_predictions
from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError


def main() -> int:
    """Convert, and print how often the truth is among the first K."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    parser.add_argument("--split", choices=[split.value for split in Split], required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder that `llavaction evaluate` wrote")
    parser.add_argument("--task", help="name of the task of kind action_head in that run; {split}_head by default")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    options = parser.parse_args()
    try:
        annotations = load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file))
        mine = ClassTable.from_annotations(annotations)
        mine.check_same(ClassTable.load(options.run), options.annotations, str(options.run))
        table = annotations.split(Split(options.split))
        predictions = mined_predictions(options.run / "rows" / f"{options.task or options.split + '_head'}.jsonl")
        predictions.check_covers(table)
        save_predictions(predictions, annotations.vocabulary, options.output)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    output.print(f"{options.output}: {len(table)} segments, {predictions.top_k} actions each")
    for k in (k for k in (1, 5, 20) if k <= predictions.top_k):
        output.print(f"  recall@{k:<3} {predictions.recall_at(table, annotations.vocabulary, k):6.1%}")
    if options.split == Split.TRAIN and (warning := overfit_warning(predictions, table, annotations.vocabulary)):
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
