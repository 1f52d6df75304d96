"""Words and colours that the attention report's tables and pictures share."""

from __future__ import annotations

from llavaction.evaluation.attention.places import Query, TokenGroup
from llavaction.evaluation.attention.records import Likeness
from llavaction.reports.pictures import INK, MUTED

GROUP_WORDS = {
    TokenGroup.FIRST_TOKEN: "first token",
    TokenGroup.SYSTEM: "system prompt",
    TokenGroup.VISUAL: "visual",
    TokenGroup.NEWLINE: "newlines",
    TokenGroup.ACTION_TOKEN: "action token",
    TokenGroup.QUESTION: "question",
    TokenGroup.ANSWER: "answer so far",
}
# Colours that also people with red-green blindness tell apart (Okabe and Ito), and grey for what is parked.
GROUP_COLOURS = {
    TokenGroup.FIRST_TOKEN: MUTED,
    TokenGroup.SYSTEM: "#56b4e9",
    TokenGroup.VISUAL: "#0072b2",
    TokenGroup.NEWLINE: "#e69f00",
    TokenGroup.ACTION_TOKEN: "#d55e00",
    TokenGroup.QUESTION: "#009e73",
    TokenGroup.ANSWER: "#cc79a7",
}
QUERY_WORDS = {Query.ANSWER: "from the answer", Query.ACTION_TOKEN: "from the action token"}
LIKENESS_WORDS = {
    Likeness.VISUAL_TEXT: "visual and text",
    Likeness.VISUAL_VISUAL: "among visual",
    Likeness.TEXT_TEXT: "among text",
    Likeness.MODALITY_GAP: "modality gap",
}
LIKENESS_COLOURS = {
    Likeness.VISUAL_TEXT: "#d55e00",
    Likeness.VISUAL_VISUAL: "#0072b2",
    Likeness.TEXT_TEXT: "#009e73",
    Likeness.MODALITY_GAP: INK,
}
