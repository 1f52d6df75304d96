"""What a build is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

from llavaction.annotations.epic_kitchens import Split
from llavaction.sft.builders.temporal_detection import DetectionConfig
from llavaction.sft.narrations import AnswerText, OptionText
from llavaction.sft.prior_actions import PriorConfig
from llavaction.sft.prompts import LETTERS
from llavaction.sft.replay import ReplayConfig
from llavaction.sft.samples import View
from llavaction.utils.errors import ConfigError


@dataclass
class SftConfig:
    """Which samples are made."""

    splits: list[Split] = field(default_factory=lambda: [Split.TRAIN, Split.VALIDATION])
    """Splits to build."""
    views: list[View] = field(default_factory=lambda: [View.MQA, View.DIRECT])
    """Views to build; each makes one file per split, `{split}_{view}.jsonl`. Replay is made for training alone."""
    num_options: int = 5
    """Choices per question, 2 to 26; the paper's main tables use 5. Of the view candidates see `num_candidates`."""
    num_candidates: int = 20
    """Classes that a question of the view candidates lists, 2 to 26: a ranking's first ones; 20, as the paper found
    them better than 5. An evaluation can take fewer of them, not more."""
    option_text: OptionText = OptionText.RANDOM
    """Which text of its class an option shows; random, so that options are worded as answers are."""
    answer_text: AnswerText = AnswerText.NARRATION
    """Which text the right option shows; among candidates it is always worded like the others."""
    seed: int = 0
    """Seed of every draw; together with the segment's id it decides the sample."""
    prior: PriorConfig = field(default_factory=PriorConfig)
    """Earlier actions that the view temporal_order tells."""
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    """Padding of the view temporal_detection."""
    clip_annotations: list[str] = field(default_factory=list)
    """Files `annotations.jsonl` of `llavaction annotate`; the views caption and qa are made from them."""
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    """Conversation file of the view replay."""
    num_shards: int = 1
    """Files that each view of a split is written in; above 1 they are named `{split}_{view}-00000-of-00004.jsonl`. The
    samples and all hashes stay the same."""
    num_workers: int = 0
    """Processes that build beside this one; 0 builds in this one. The samples stay the same."""

    def __post_init__(self) -> None:
        for name in ("num_options", "num_candidates"):
            if not 2 <= getattr(self, name) <= len(LETTERS):
                raise ConfigError(f"sft.{name} = {getattr(self, name)}: must be 2 to {len(LETTERS)}, one letter each")
        if self.num_shards < 1 or self.num_workers < 0:
            raise ConfigError(
                f"sft.num_shards = {self.num_shards} must be 1 or more, sft.num_workers = {self.num_workers} 0 or more"
            )
        for name in ("splits", "views"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ConfigError(
                    f"sft.{name} = {[str(value) for value in values]}: must name at least one, none twice"
                )
        asks = {View.MQA, View.TEMPORAL_ORDER} & set(self.views)
        if asks and self.option_text is OptionText.CLASS_KEY and self.answer_text is AnswerText.NARRATION:
            raise ConfigError(
                "sft.option_text=class_key with sft.answer_text=narration: the answer would be the only option in an "
                "annotator's words; set sft.answer_text=like_options"
            )
        if View.REPLAY in self.views and not self.replay.path:
            raise ConfigError("sft.views: replay needs a conversation file: set sft.replay.path=FILE")
        if View.REPLAY in self.views and Split.TRAIN not in self.splits:
            raise ConfigError("sft.views: replay is made for training alone: add train to sft.splits, or leave it out")
        if View.CANDIDATES in self.views and Split.TRAIN in self.splits:
            raise ConfigError(
                "sft.views: candidates are for evaluation and made for validation alone: set sft.splits=[validation]"
            )
        if {View.CAPTION, View.QA} & set(self.views) and not self.clip_annotations:
            raise ConfigError(
                "sft.views: caption and qa are made from an annotator's words: set sft.clip_annotations=[FILE], an "
                "annotations.jsonl of `llavaction annotate`"
            )
