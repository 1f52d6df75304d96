"""Check a specialist's prediction file against the annotations and keep it as Parquet.

    python data_prep/convert_predictions.py --annotations EK100_FOLDER --split validation \
        --predictions tim_pred_ids_val.json --output tim_validation.parquet

Predictions of the training split come from cross-validation, a file for each fold of data_prep/make_folds.py, fold 0
first; each must cover exactly the segments that its fold holds out:

    python data_prep/convert_predictions.py --annotations EK100_FOLDER --split train --folds FOLDS_FOLDER/folds.json \
        --predictions fold_0.pkl fold_1.pkl fold_2.pkl fold_3.pkl fold_4.pkl --output avion_train.parquet
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llavaction.annotations.epic_kitchens import Annotations, AnnotationsConfig, Split, load_annotations
from llavaction.specialists.agreement import overfit_warning, recall_curve
from llavaction.specialists.folds import held_out_tables, merge_folds, read_folds
from llavaction.specialists.predictions import TopKPredictions, save_predictions
from llavaction.specialists.readers import PredictionsFormat, read_predictions
from llavaction.utils.console import console, output
from llavaction.utils.errors import ConfigError, LlavactionError


def main(arguments: list[str] | None = None) -> int:
    """Convert, and print how often the truth is among the first K."""
    options = _parse(arguments)
    try:
        annotations = load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file))
        split, format = Split(options.split), PredictionsFormat(options.format)
        predictions = _read(annotations, split, options.predictions, options.folds, format)
        save_predictions(predictions, annotations.vocabulary, options.output)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    table, vocabulary = annotations.split(split), annotations.vocabulary
    output.print(f"{options.output}: {len(table)} segments, {predictions.top_k} actions each")
    ks = [k for k in (1, 5, 20, 100) if k <= predictions.top_k]
    for k, recall in recall_curve(predictions, table, vocabulary, ks).items():
        output.print(f"  recall@{k:<3} {recall:6.1%}")
    warning = overfit_warning(predictions, table, vocabulary) if split is Split.TRAIN else None
    if warning is not None:
        console.print(f"warning: {warning}", markup=False, soft_wrap=True)
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    parser.add_argument("--split", choices=[split.value for split in Split], required=True)
    parser.add_argument("--predictions", type=Path, nargs="+", required=True, help="one file, or one of each fold")
    parser.add_argument("--format", choices=[format.value for format in PredictionsFormat], default="auto")
    parser.add_argument("--folds", type=Path, help="folds.json of data_prep/make_folds.py")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    return parser.parse_args(arguments)


def _read(
    annotations: Annotations, split: Split, paths: list[Path], folds: Path | None, format: PredictionsFormat
) -> TopKPredictions:
    table, vocabulary = annotations.split(split), annotations.vocabulary
    if folds is None:
        if len(paths) > 1:
            raise ConfigError(f"{len(paths)} prediction files, but no --folds that says which segments each covers")
        return read_predictions(paths[0], table, vocabulary, format)
    parts = held_out_tables(table, read_folds(folds, table))
    if len(parts) != len(paths):
        raise ConfigError(f"{folds} has {len(parts)} folds, but {len(paths)} prediction files were given")
    return merge_folds(
        [read_predictions(path, part, vocabulary, format) for path, part in zip(paths, parts, strict=True)], table
    )


if __name__ == "__main__":
    sys.exit(main())
