"""Check a specialist's prediction file against the annotations and keep it as Parquet.

    python data_prep/convert_predictions.py --annotations EK100_FOLDER --split validation \
        --predictions tim_pred_ids_val.json --output tim_validation.parquet
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from llavaction.annotations.epic_kitchens import AnnotationsConfig, Split, load_annotations
from llavaction.specialists.predictions import save_predictions
from llavaction.specialists.readers import read_predictions
from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError


def main() -> int:
    """Convert, and print how often the truth is among the first K."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    parser.add_argument("--split", choices=[split.value for split in Split], required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    options = parser.parse_args()
    try:
        annotations = load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file))
        table = annotations.split(Split(options.split))
        predictions = read_predictions(options.predictions, table, annotations.vocabulary)
        save_predictions(predictions, annotations.vocabulary, options.output)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False)
        return 2
    output.print(f"{options.output}: {len(table)} segments, {predictions.top_k} actions each")
    for k in (k for k in (1, 5, 20) if k <= predictions.top_k):
        output.print(f"  recall@{k:<3} {predictions.recall_at(table, annotations.vocabulary, k):6.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
