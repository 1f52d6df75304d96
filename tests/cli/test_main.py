"""The entry point: help, hints, exit codes, one line per error."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from llavaction.cli import ask, runs
from llavaction.cli import report as report_command
from llavaction.cli.commands import COMMANDS
from llavaction.cli.main import INTERRUPTED, USER_ERROR, main
from llavaction.config.compose import compose_config, groups_of
from llavaction.utils.errors import DataError
from tests.config.minimal import MINIMAL

REPO_ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [example for command in COMMANDS.values() for example in command.examples]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_the_overview_shows_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    text = capsys.readouterr().out
    for command in COMMANDS.values():
        assert f"  {command.name} " in text
        assert command.summary in text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_summary_groups_and_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = COMMANDS[name]

    assert main([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"llavaction {name}: {command.summary}"
    assert lines[-2:] == [f"  {example}" for example in command.examples]
    for group in groups_of(command.root) if command.root else []:
        assert any(line.split()[:1] == [group] for line in lines)


def test_help_lists_the_choices_of_a_group(capsys: pytest.CaptureFixture[str]) -> None:
    main(["build-sft", "--help"])

    assert "  prompts      first_person, third_person\n" in capsys.readouterr().out


def test_help_on_ask_shows_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", "--help"])

    assert ask.OPTIONS in capsys.readouterr().out


@pytest.mark.thorough
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_can_be_run_as_it_stands(example: str) -> None:
    words = shlex.split(example)
    if words[0] == "torchrun":
        words = words[words.index("-m") + 1 :]
    program, name, *rest = words

    assert program == "llavaction"
    assert not any(word.startswith("--") for word in rest) or name == "ask"
    if name == "ask":
        options, rest = ask._parse(rest)
        assert options.video == "pancake.mkv"
    if name == "runs":
        rest = runs.overrides_in(rest)
    root = COMMANDS[name].root
    if root is None:
        assert name == "verify" and rest
    else:
        compose_config(root, rest)


@pytest.mark.parametrize(("word", "hint"), [("trian", "train"), ("build_sft", "build-sft"), ("eval", "evaluate")])
def test_an_unknown_command_comes_with_the_nearest(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == USER_ERROR
    assert capsys.readouterr().err == (
        f"error: unknown command '{word}'; did you mean '{hint}'?; see llavaction --help\n"
    )


def test_an_error_is_one_line_whatever_is_in_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "/data/rows.jsonl:100: [bold] 'x' " + "very " * 60 + "long"

    def fail(words: list[str]) -> None:
        raise DataError(text)

    monkeypatch.setattr(report_command, "main", fail)

    assert main(["report"]) == USER_ERROR
    assert capsys.readouterr() == ("", f"error: {text}\n")


def test_ctrl_c_has_its_own_exit_code(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(words: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report_command, "main", interrupt)

    assert main(["report"]) == INTERRUPTED == 130
    assert capsys.readouterr().err.startswith("interrupted; ")


def test_a_defect_of_our_own_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(words: list[str]) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(report_command, "main", fail)

    with pytest.raises(ValueError, match="a bug"):
        main(["report"])


def test_overrides_reach_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    got: list[str] = []
    monkeypatch.setattr(report_command, "main", got.extend)

    assert main(["report", "report=toy_kitchen", "output=x"]) == 0
    assert got == ["report=toy_kitchen", "output=x"]


def test_config_prints_every_value_as_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *MINIMAL["train"], "--config", "train.epochs=3"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)

    assert printed["train"]["epochs"] == 3.0
    assert printed["model"]["newline"] == "grid"
    assert printed["video"]["folder"] == "vid"


def test_config_of_ask_passes_over_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--video", "a.mp4", "--options", "a b", "c d", "max_new_tokens=5", "--config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["max_new_tokens"] == 5


def test_configs_names_a_folder_to_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "my, own (configs)" / "prompts"
    folder.mkdir(parents=True)
    lines = ["name: mine", "mqa_question: 'Which? {options}'", "direct_question: What now?"]
    (folder / "mine.yaml").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)

    assert main(["ask", "--configs", folder.parent.name, "prompts=mine", "--config"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["prompts"]["direct_question"] == "What now?"


@pytest.mark.parametrize(
    ("words", "text"),
    [(["--configs", "no/such/folder"], "--configs no/such/folder: no such folder"), (["--configs"], "needs a folder")],
)
def test_configs_without_a_folder_is_an_error(words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", *words]) == USER_ERROR
    assert text in capsys.readouterr().err


def test_a_missing_folder_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    words = ["build-sft", f"paths.annotations={tmp_path}/none", f"output={tmp_path}/out"]
    command = [sys.executable, "-m", "llavaction", *words]
    result = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, timeout=120)

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"error: annotations folder {tmp_path}/none does not exist; set paths.annotations=FOLDER\n"
    )


def test_help_and_mistakes_do_not_wait_for_torch() -> None:
    code = f"""
import sys
from llavaction.cli.main import main
for name in {list(COMMANDS)}:
    assert main([name, "--help"]) == 0
assert main(["train", "train.epohcs=1"]) == 2
assert main(["evaluate", "evaluation=nothing"]) == 2
assert main(["ask", "--video", "a.mp4", "--options", "one"]) == 2
sys.exit(", ".join({{"torch", "transformers", "matplotlib", "av", "decord"}} & set(sys.modules)) or 0)
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, timeout=120)

    assert result.returncode == 0, result.stderr


def test_an_evaluation_looks_for_its_frames_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "paths.videos=v", "model.checkpoint=c", "video.num_frames=4"]) == USER_ERROR
    assert "set evaluation.num_frames" in " ".join(capsys.readouterr().err.split())
