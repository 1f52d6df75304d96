import pytest

from llavaction.processing.chat import PieceKind, open_answer, render_prompt
from llavaction.sft.samples import MEDIA_MARK, Role, Turn
from llavaction.utils.errors import DataError

TURNS = [Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "Cut."), Turn(Role.USER, "Sure?"), Turn(Role.ASSISTANT, "Yes.")]


def written(pieces):
    return "".join(piece.text if piece.kind is PieceKind.TEXT else str(piece.kind) for piece in pieces)


def marked(*texts):
    """Turns whose marks are written as @."""
    roles = (Role.USER, Role.ASSISTANT) * len(texts)
    return [Turn(role, text.replace("@", MEDIA_MARK)) for role, text in zip(roles, texts)]


def test_layout():
    assert written(render_prompt("Be kind.", TURNS[:2], num_media=1)) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n"
        "<|im_start|>user\nvisual\nWhat?<|im_end|>\n"
        "<|im_start|>assistant\nCut.<|im_end|>\n"
    )


def test_media_without_marks_stand_in_lines_before_the_first_text():
    text = written(render_prompt("s", TURNS, num_media=3))
    assert "user\nvisual\nvisual\nvisual\nWhat?<|im_end|>" in text
    assert text.count("visual") == 3


def test_media_stand_at_their_marks():
    turns = marked("Is @ like @?", "No.", "And @", "Yes.")
    text = written(render_prompt("s", turns, num_media=3))
    assert "user\nIs visual like visual?<|im_end|>" in text and "user\nAnd visual<|im_end|>" in text


def test_marks_before_the_text_are_as_no_marks():
    pieces = list(render_prompt("s", marked("@\n@\nWhat?", "Cut."), num_media=2))
    assert pieces == list(render_prompt("s", TURNS[:2], num_media=2))


def test_no_media():
    assert "visual" not in written(render_prompt("s", TURNS, num_media=0))


@pytest.mark.parametrize(("num_media", "text"), [(0, "@What?"), (1, "@ or @?"), (3, "@ or @?")])
def test_as_many_marks_as_media_or_none(num_media, text):
    with pytest.raises(DataError, match=rf"{text.count('@')} places .* and {num_media} pictures"):
        list(render_prompt("s", marked(text, "Yes."), num_media))


def test_answers_show_nothing():
    with pytest.raises(DataError, match="an answer holds"):
        list(render_prompt("s", marked("What?", "@"), num_media=1))


def test_answers_and_their_ends_are_supervised():
    supervised = [piece for piece in render_prompt("s", TURNS, num_media=1) if piece.supervised]
    assert written(supervised) == "Cut.<|im_end|>Yes.<|im_end|>"


def test_a_prompt_is_a_prefix_of_the_conversation():
    whole = written(render_prompt("s", TURNS[:2], num_media=1))
    prompt = written([*render_prompt("s", TURNS[:1], num_media=1), *open_answer()])
    assert whole.startswith(prompt)
    assert whole[len(prompt) :] == "Cut.<|im_end|>\n"
