"""One task per file, behind one interface: an exam, samples and their prompts go in, rows come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llavaction.evaluation.answering import Prompt
from llavaction.evaluation.config import TaskName
from llavaction.evaluation.predictions import Row
from llavaction.evaluation.tasks import action_head, direct, mqa
from llavaction.evaluation.tasks.common import Exam
from llavaction.sft.samples import Sample

Task = Callable[[Exam, Sequence[Sample], Sequence[Prompt]], list[Row]]
TASKS: dict[TaskName, Task] = {
    TaskName.MQA: mqa.answer,
    TaskName.DIRECT: direct.answer,
    TaskName.ACTION_HEAD: action_head.answer,
}
