from llavaction.processing.chat import PieceKind, open_answer, render_prompt
from llavaction.sft.samples import Role, Turn

TURNS = [Turn(Role.USER, "What?"), Turn(Role.ASSISTANT, "Cut."), Turn(Role.USER, "Sure?"), Turn(Role.ASSISTANT, "Yes.")]


def written(pieces):
    return "".join(piece.text if piece.kind is PieceKind.TEXT else str(piece.kind) for piece in pieces)


def test_layout():
    assert written(render_prompt("Be kind.", TURNS[:2], has_video=True)) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n"
        "<|im_start|>user\nvideo\nWhat?<|im_end|>\n"
        "<|im_start|>assistant\nCut.<|im_end|>\n"
    )


def test_video_stands_in_the_first_turn_only():
    kinds = [piece.kind for piece in render_prompt("s", TURNS, has_video=True)]
    assert kinds.count(PieceKind.VIDEO) == 1


def test_no_video():
    assert "video" not in written(render_prompt("s", TURNS, has_video=False))


def test_answers_and_their_ends_are_supervised():
    supervised = [piece for piece in render_prompt("s", TURNS, has_video=True) if piece.supervised]
    assert written(supervised) == "Cut.<|im_end|>Yes.<|im_end|>"


def test_a_prompt_is_a_prefix_of_the_conversation():
    whole = written(render_prompt("s", TURNS[:2], has_video=True))
    prompt = written([*render_prompt("s", TURNS[:1], has_video=True), *open_answer()])
    assert whole.startswith(prompt)
    assert whole[len(prompt) :] == "Cut.<|im_end|>\n"
