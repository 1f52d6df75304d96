"""Cut the training split into folds of participants, to train a specialist on each and predict what it has not seen.

    python data_prep/make_folds.py --annotations EK100_FOLDER --num-folds 5 --output FOLDS_FOLDER

Writes `folds.json`, `fold_{i}_train.csv` and `fold_{i}_validation.csv` with the training CSV's own rows.
For each fold, train the specialist on the first and predict the second, then put the files together, fold 0 first:

    python data_prep/convert_predictions.py --annotations EK100_FOLDER --split train --folds FOLDS_FOLDER/folds.json \
        --predictions fold_0.pkl fold_1.pkl fold_2.pkl fold_3.pkl fold_4.pkl --output avion_train.parquet

AVION numbers its classes by the EPIC_100_train.csv and EPIC_100_validation.csv in its data folder: leave these two as
published and name the folds' files as its training and validation metadata, so that all folds number alike.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from llavaction.annotations.epic_kitchens import AnnotationsConfig, load_annotations
from llavaction.specialists.folds import FOLDS_FILE, assign_folds, write_folds
from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError


def main(arguments: list[str] | None = None) -> int:
    """Write the folds and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    parser.add_argument("--num-folds", type=int, default=5, help="5 by default, so four fifths train each model")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    options = parser.parse_args(arguments)
    try:
        table = load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file)).train
        folds = assign_folds(table, options.num_folds)
        write_folds(Path(table.source), table, folds, options.output)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    sizes = Counter(folds[segment.participant_id] for segment in table)
    output.print(f"{options.output / FOLDS_FILE}: {len(table)} segments of {len(folds)} participants")
    for fold in range(options.num_folds):
        participants = ", ".join(name for name, place in folds.items() if place == fold)
        output.print(f"  fold {fold}: {sizes[fold]:6d} segments held out: {participants}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
