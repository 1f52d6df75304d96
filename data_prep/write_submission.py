"""Turn a run's ranked actions into a submission to the EK100 action recognition challenge: `test.json` in a zip.

    llavaction evaluate evaluation=all_classes evaluation.tasks.all_classes.top_k=100 model.checkpoint=FOLDER \
        paths.sft=FOLDER paths.videos=FOLDER output=runs/all
    python data_prep/write_submission.py --annotations EK100_FOLDER --run runs/all --task all_classes \
        --pretraining 2 --labels 3 --data 4 --output mine.zip

Scores of verbs and nouns are the log-probabilities that the ranked actions add up to; those of the actions are kept,
and it is these that the challenge ranks actions by. A verb or noun of none of the ranked actions comes last, so that
top_k should be large: the challenge looks at 100 actions. The supervision levels are the challenge's own, from 0 (none)
to 5. Printed are EK100's metrics of the written file, in percent, with 95 % intervals by video.

Rows tell the true classes, so that the segments are those of the validation split; the test split has no labels to
build questions from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from llavaction.annotations.epic_kitchens import AnnotationsConfig, load_annotations
from llavaction.evaluation.challenge import Submission, SupervisionLevels, scores_by_pair, write_submission
from llavaction.evaluation.class_scores import marginal_scores
from llavaction.evaluation.intervals import Estimate
from llavaction.evaluation.mining import scored_predictions
from llavaction.reports.tables.recognition import Recognition
from llavaction.sft.classes import ClassTable
from llavaction.utils.console import console, output
from llavaction.utils.errors import LlavactionError


def main() -> int:
    """Write the zip, and print the metrics of recognition of what it says."""
    options = _arguments()
    try:
        levels = SupervisionLevels(options.pretraining, options.labels, options.data)
        annotations = load_annotations(AnnotationsConfig(options.annotations, train_file=options.train_file))
        vocabulary, table = annotations.vocabulary, annotations.validation
        classes = ClassTable.from_annotations(annotations)
        classes.check_same(ClassTable.load(options.run), options.annotations, str(options.run))
        predictions = scored_predictions(options.run / "rows" / f"{options.task}.jsonl")
        predictions.check_covers(table)
        submission = Submission(marginal_scores(predictions, vocabulary), scores_by_pair(predictions, vocabulary))
        write_submission(options.output, submission, levels)
        metrics = Recognition.of(annotations).of_file(options.output)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    output.print(f"{options.output}: {len(table)} segments, {predictions.top_k} scored actions each")
    _print_metrics(metrics)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotations", required=True, help="folder of the EK100 CSVs")
    parser.add_argument("--train-file", default="EPIC_100_train.csv", help="name of the training CSV")
    parser.add_argument("--run", type=Path, required=True, help="folder that `llavaction evaluate` wrote")
    parser.add_argument(
        "--task", required=True, help="its task of kind all_classes or action_head, whose rows are taken"
    )
    parser.add_argument("--pretraining", type=int, required=True, help="supervision level of pretraining (sls_pt)")
    parser.add_argument("--labels", type=int, required=True, help="supervision level of training labels (sls_tl)")
    parser.add_argument("--data", type=int, required=True, help="supervision level of training data (sls_td)")
    parser.add_argument("--output", type=Path, required=True, help="zip to write")
    return parser.parse_args()


def _print_metrics(metrics: Mapping[str, Estimate | None]) -> None:
    for name, estimate in metrics.items():
        shown = "no such segments" if estimate is None else _percent(estimate)
        output.print(f"  {name:<32} {shown}", markup=False)


def _percent(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.value:5.1f}"
    return f"{100 * estimate.value:5.1f}  [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
