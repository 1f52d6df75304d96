"""One task per file, behind one interface: an exam, samples and their clips go in, rows come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks import (
    action_head,
    all_classes,
    captions,
    choices,
    direct,
    sequential,
    temporal_detection,
)
from llavaction.evaluation.tasks.common import Clip, Exam
from llavaction.sft.samples import Sample

Task = Callable[[Exam, Sequence[Sample], Sequence[Clip]], list[Row]]
TASKS: dict[TaskName, Task] = {
    TaskName.MQA: choices.answer,
    TaskName.TWO_STAGE: choices.answer,
    TaskName.SEQUENTIAL: sequential.answer,
    TaskName.CAPTION_THEN_ANSWER: captions.then_choose,
    TaskName.DIRECT: direct.answer,
    TaskName.ACTION_HEAD: action_head.answer,
    TaskName.ALL_CLASSES: all_classes.answer,
    TaskName.TEMPORAL_DETECTION: temporal_detection.answer,
    TaskName.CAPTION: captions.answer,
}
