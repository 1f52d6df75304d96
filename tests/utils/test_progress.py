from __future__ import annotations

import pytest

from llavaction.utils.progress import make_progress


def test_nothing_is_shown_where_the_output_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress() as progress:
        progress.update(progress.add_task("train_mqa", total=3), completed=3)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
