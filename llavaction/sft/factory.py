"""Puts the parts of a build together: for a view and a split, its builder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from llavaction.annotations.epic_kitchens import Annotations, Split
from llavaction.annotations.segments import Segment
from llavaction.sft.annotator.records import ClipAnnotation, read_clip_annotations
from llavaction.sft.builders.annotated import CaptionBuilder, QaBuilder
from llavaction.sft.builders.base import Builder
from llavaction.sft.builders.candidates import CandidatesBuilder, ranking_files, read_ranking
from llavaction.sft.builders.direct import DirectBuilder
from llavaction.sft.builders.mqa import MqaBuilder
from llavaction.sft.builders.temporal_detection import TemporalDetectionBuilder
from llavaction.sft.builders.temporal_order import TemporalOrderBuilder
from llavaction.sft.config import SftConfig
from llavaction.sft.distractors import DistractorsConfig, make_sources
from llavaction.sft.distractors.validity import Similarities, Validity
from llavaction.sft.narrations import NarrationBank
from llavaction.sft.options import OptionMaker
from llavaction.sft.prior_actions import previous_segments, read_answers
from llavaction.sft.prompts import PromptsConfig
from llavaction.sft.samples import View
from llavaction.text.encoders import EncoderConfig, TextEncoder, make_encoder
from llavaction.utils.errors import DataError
from llavaction.utils.hashing import file_sha256


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the samples, beside the annotations.

    Raises:
        ConfigError: when candidates are to be built of distractors that no model ranked.
    """

    sft: SftConfig
    distractors: DistractorsConfig
    prompts: PromptsConfig
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self) -> None:
        if View.CANDIDATES in self.sft.views:
            ranking_files(self.distractors)


class BuilderFactory:
    """Makes builders; what several of them need is made once, when the first of them asks."""

    def __init__(self, annotations: Annotations, recipe: Recipe) -> None:
        self._annotations = annotations
        self._recipe = recipe
        self._questions: dict[Split, MqaBuilder] = {}
        self.hashes: dict[str, str] = dict(annotations.hashes)
        """SHA-256 of each file that was read, by its name."""

    def builder(self, view: View, split: Split) -> Builder:
        """The builder of a view for the segments of a split.

        Raises:
            ConfigError, DataError: when its inputs are missing or do not fit.
        """
        sft, prompts, vocabulary = self._recipe.sft, self._recipe.prompts, self._annotations.vocabulary
        if view is View.MQA:
            return self._mqa(split)
        if view is View.TEMPORAL_ORDER:
            before = previous_segments(self._annotations, sft.prior)
            answers = self._answers if split is Split.VALIDATION else None
            return TemporalOrderBuilder(self._mqa(split), before, answers, sft.prior, prompts, sft.seed)
        if view is View.CANDIDATES:
            ranking, read = read_ranking(self._recipe.distractors, self._annotations, split)
            self.hashes.update(read)
            return CandidatesBuilder(vocabulary, self._bank, ranking, prompts, sft.num_candidates, sft.seed)
        if view is View.DIRECT:
            return DirectBuilder(vocabulary, prompts)
        if view is View.TEMPORAL_DETECTION:
            return TemporalDetectionBuilder(vocabulary, self._annotations.videos, sft.detection, prompts, sft.seed)
        if view is View.CAPTION:
            return CaptionBuilder(vocabulary, self._annotated, prompts)
        assert view is View.QA, view
        return QaBuilder(vocabulary, self._annotated)

    @property
    def encoder_name(self) -> str | None:
        """Which encoder measured similarity; None where no question was built."""
        return self._encoder.name if self._questions else None

    def is_annotated(self, split: Split) -> bool:
        """Whether the annotator wrote about any segment of a split."""
        return any(segment_id in self._annotations.split(split) for segment_id in self._annotated)

    def _mqa(self, split: Split) -> MqaBuilder:
        if split not in self._questions:
            recipe, annotations = self._recipe, self._annotations
            sources = make_sources(recipe.distractors, annotations, split, self._encoder)
            self.hashes.update(sources.hashes)
            options = OptionMaker(
                annotations.vocabulary,
                self._bank,
                sources.strategies,
                self._validity,
                recipe.sft.answer_text,
                recipe.sft.num_options,
            )
            self._questions[split] = MqaBuilder(options, recipe.prompts, recipe.sft.seed)
        return self._questions[split]

    @cached_property
    def _encoder(self) -> TextEncoder:
        return make_encoder(self._recipe.encoder)

    @cached_property
    def _bank(self) -> NarrationBank:
        return NarrationBank(self._annotations, self._recipe.sft.option_text)

    @cached_property
    def _validity(self) -> Validity:
        segments: list[Segment] = [*self._annotations.train, *self._annotations.validation]
        texts = [*self._bank.all_texts(), *(segment.narration for segment in segments)]
        similarities = Similarities(self._encoder, texts)
        return Validity.prepare(self._recipe.distractors.validity, self._annotations, similarities)

    @cached_property
    def _answers(self) -> dict[str, str] | None:
        name = self._recipe.sft.prior.answers_file
        if name is None:
            return None
        answers = read_answers(Path(name))
        self.hashes[name] = file_sha256(Path(name))
        return answers

    @cached_property
    def _annotated(self) -> dict[str, ClipAnnotation]:
        found: dict[str, ClipAnnotation] = {}
        for name in self._recipe.sft.clip_annotations:
            for annotation in read_clip_annotations(Path(name)):
                if not any(annotation.segment_id in self._annotations.split(split) for split in Split):
                    raise DataError(f"{name}: segment {annotation.segment_id!r} is in neither split of the annotations")
                if annotation.segment_id in found:
                    raise DataError(f"{name}: segment {annotation.segment_id!r} is annotated in another file too")
                found[annotation.segment_id] = annotation
            self.hashes[name] = file_sha256(Path(name))
        return found
