"""What is evaluated, and how. No torch."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, field, fields

from llavaction.sft.prompts import LETTERS
from llavaction.utils.enums import StrEnum
from llavaction.utils.errors import ConfigError


class TaskName(StrEnum):
    """What the model is asked to do."""

    MQA = "mqa"
    """Choose among options."""
    TWO_STAGE = "two_stage"
    """Choose among the candidates of a first stage, which may lack the truth; the choice is mapped back to classes."""
    SEQUENTIAL = "sequential"
    """Choose among options, told the model's own answers to the clips before (sequential action prediction)."""
    CAPTION_THEN_ANSWER = "caption_then_answer"
    """Describe the clip first, then choose among options with the description in sight."""
    DIRECT = "direct"
    """Name the action in its own words."""
    ACTION_HEAD = "action_head"
    """Classify with the heads of the action token."""
    ALL_CLASSES = "all_classes"
    """Score the text of every action class by its likelihood; no specialist has a say."""
    TEMPORAL_DETECTION = "temporal_detection"
    """Say when a named action starts and stops."""
    CAPTION = "caption"
    """Describe the clip."""


CHOICES = (TaskName.MQA, TaskName.TWO_STAGE, TaskName.SEQUENTIAL, TaskName.CAPTION_THEN_ANSWER)
"""Tasks in which the model chooses among options."""
RANKINGS = (TaskName.TWO_STAGE, TaskName.DIRECT, TaskName.ACTION_HEAD, TaskName.ALL_CLASSES)
"""Tasks whose rows rank action classes."""
HEADS = (TaskName.ACTION_HEAD,)
"""Tasks that need the heads of an action token."""


class MqaMode(StrEnum):
    """How a choice is read off the model."""

    OPTION = "option"
    """The answer line of each option is scored by its likelihood; the likeliest wins."""
    LETTER = "letter"
    """Only the letters are scored."""
    TEXT = "text"
    """Only the words of the options are scored, without the letter before them."""
    GENERATE = "generate"
    """The model writes; its choice is parsed from the text."""


class OptionOrder(StrEnum):
    """In which order a question shows its options."""

    GIVEN = "given"
    """As the sample has them."""
    SHUFFLED = "shuffled"
    """Shuffled, by the seed and the sample's id."""
    CYCLIC = "cyclic"
    """In all K rotations, one after another: every option stands at every letter once."""


class ClassWords(StrEnum):
    """Which texts stand for an action class when all are scored."""

    NAME = "name"
    """The names of its verb and noun: one text for each class."""
    NARRATIONS = "narrations"
    """That and every narration that annotators meant it by; their probabilities add up."""


class BadVideo(StrEnum):
    """What becomes of a question whose video is missing or broken."""

    FAIL = "fail"
    """The evaluation ends with an error."""
    EXCLUDE = "exclude"
    """It gets a row that says why it has no answer; metrics count such rows, and tables show the count."""


@dataclass
class TaskConfig:
    """One table column's worth of questions."""

    task: TaskName = TaskName.MQA
    """What is asked."""
    samples: str = "???"
    """JSONL file of samples; `classes.json` and `manifest.json` lie beside it."""
    mode: MqaMode = MqaMode.OPTION
    """How choices are read; tasks with options only."""
    order: OptionOrder = OptionOrder.GIVEN
    """Order of the options; tasks with options only."""
    length_normalised: bool = False
    """Divide each likelihood by its number of tokens, so that long options are not behind; modes option and text."""
    num_candidates: list[int] = field(default_factory=list)
    """Numbers of candidates to choose among, each once (a K sweep); two_stage only. Empty takes all that the samples
    have."""
    top_k: int = 20
    """Likeliest actions that a row keeps; action_head, all_classes and direct only. 20 are enough for distractors in
    training with K up to 10, which are drawn from the top 2K."""
    class_words: ClassWords = ClassWords.NAME
    """Which texts stand for a class; all_classes only."""
    text_prior: float = 0.0
    """Weight of the text-only prior, which is taken off: log p(text | clip) - weight * log p(text); all_classes only.
    0 is the plain likelihood, 1 pointwise mutual information."""
    limit: int | None = None
    """Take only the first so many samples; null takes all."""

    def __post_init__(self) -> None:
        self._refuse_idle()
        for name, value, low in (
            ("top_k", self.top_k, 1),
            ("limit", self.limit, 1),
            ("text_prior", self.text_prior, 0),
        ):
            if value is not None and not low <= value < float("inf"):
                raise ConfigError(f"evaluation: {name} = {value} of {self.samples}: must be {low} or more")
        if self.length_normalised and self.mode not in (MqaMode.OPTION, MqaMode.TEXT):
            raise ConfigError(
                f"evaluation: length_normalised of {self.samples}: needs mode option or text, not {self.mode}"
            )
        wrong = [k for k in self.num_candidates if not 1 <= k <= len(LETTERS)]
        if wrong or len(set(self.num_candidates)) < len(self.num_candidates):
            raise ConfigError(
                f"evaluation: num_candidates = {list(self.num_candidates)} of {self.samples}: each must be 1 to "
                f"{len(LETTERS)}, none twice"
            )
        if self.num_candidates and self.order is OptionOrder.CYCLIC:
            raise ConfigError(f"evaluation: {self.samples}: a sweep of num_candidates needs order given or shuffled")

    def _refuse_idle(self) -> None:
        """Raises: ConfigError, when a field is set that this task does not look at."""
        for item in fields(self):
            heeded = _ONLY_FOR.get(item.name)
            # Fields without a plain default are lists, empty unless set.
            default = [] if item.default is MISSING else item.default
            if heeded is not None and self.task not in heeded and getattr(self, item.name) != default:
                raise ConfigError(
                    f"evaluation: {item.name} of {self.samples} does nothing in a task of kind {self.task}; it is for "
                    f"{', '.join(heeded)}"
                )


_ONLY_FOR: dict[str, tuple[TaskName, ...]] = {
    "mode": CHOICES,
    "order": CHOICES,
    "length_normalised": CHOICES,
    "num_candidates": (TaskName.TWO_STAGE,),
    "top_k": (TaskName.ACTION_HEAD, TaskName.ALL_CLASSES, TaskName.DIRECT),
    "class_words": (TaskName.ALL_CLASSES,),
    "text_prior": (TaskName.ALL_CLASSES,),
}
"""The kinds of task that look at a field; the other fields are for all."""


@dataclass
class EvaluationConfig:
    """The tasks and how they are run."""

    tasks: dict[str, TaskConfig] = field(default_factory=dict)
    """Tasks by the name that reports show."""
    num_frames: int | None = None
    """Frames of each clip; null shows as many as the checkpoint was trained with. It is this field, and not
    `video.num_frames`, that an evaluation looks at."""
    batch_size: int = 1
    """Clips at a time; all options and orders of a clip are answered together with it."""
    num_workers: int = 4
    """Processes per rank that load clips; 0 loads in the main process."""
    max_new_tokens: int = 32
    """Longest generated answer in tokens; a narration has under ten words."""
    max_caption_tokens: int = 256
    """Longest generated description in tokens; a paragraph."""
    tree_size: int = 512
    """Tokens of texts behind one clip that are scored in one pass: the more, the fewer passes and the more memory."""
    bad_video: BadVideo = BadVideo.FAIL
    """What becomes of a question whose video is missing or broken."""
    num_questions: int | None = None
    """Questions of each task, drawn by `seed` and their ids; null asks all."""
    seed: int = 0
    """Seed of that draw and of shuffled options."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_new_tokens", "max_caption_tokens", "tree_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"evaluation.{name} = {getattr(self, name)}: must be 1 or more")
        for name in ("num_questions", "num_frames"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"evaluation.{name} = {value}: must be 1 or more, or null")
        if self.num_workers < 0:
            raise ConfigError(f"evaluation.num_workers = {self.num_workers}: must be 0 or more")
        for name in self.tasks:
            if not re.fullmatch(r"\w+", name):
                raise ConfigError(f"evaluation.tasks: {name!r} names files; use letters, digits and underscores")
