"""The profiler switch on a tiny model: the parts in their order, the trace, the page, the refusals."""

import gzip
import json
from types import SimpleNamespace

import pytest
import torch

from llavaction.model.lora.adapted import add_lora
from llavaction.model.lora.base import Base
from llavaction.model.lora.config import LoraConfig, LoraTargets
from llavaction.processing.batch import model_arguments
from llavaction.testing.tiny import tiny_model
from llavaction.training import part_marks
from llavaction.training.config import Part, ProfileConfig
from llavaction.training.part_marks import PartMarks
from llavaction.training.parts import freeze_parts
from llavaction.training.profiling import Profiler
from llavaction.utils.errors import ConfigError
from tests.training.batches import make_batch

FORWARD = [
    *("other neither", "vision forward", "other forward", "projector forward", "other forward"),
    *("decoder forward", "loss forward", "loss backward"),
]
BACKWARD = ["decoder backward", "other backward", "projector backward", "vision backward"]


@pytest.fixture
def marked(monkeypatch):
    """The marks in the order in which they were made."""
    found = []

    def note(part, direction=part_marks.Direction.NEITHER):
        found.append(f"{part.value} {direction.value}")

    monkeypatch.setattr(part_marks, "mark", note)
    return found


def run_step(model, marks, num_batches=1):
    marks.begin_step()
    for _ in range(num_batches):
        model(**model_arguments(make_batch(tiny_model()))).loss.backward()


def test_parts_are_marked_forward_and_backward(marked):
    model = tiny_model().train()
    marks = PartMarks(model, 1)
    run_step(model, marks)
    assert marked == [*FORWARD, *BACKWARD, "optimiser neither"]
    marks.detach()
    marked.clear()
    model(**model_arguments(make_batch(model))).loss.backward()
    assert marked == []


def test_the_optimiser_follows_the_last_batch_of_a_step(marked):
    model = tiny_model().train()
    marks = PartMarks(model, 2)
    for _ in range(2):
        marked.clear()
        run_step(model, marks, num_batches=2)
        batch = [*FORWARD[1:], *BACKWARD]
        assert marked == ["other neither", *batch, "other neither", *batch, "optimiser neither"]


def test_recomputed_blocks_make_no_marks(marked):
    model = tiny_model().train()
    model.gradient_checkpointing_enable()
    run_step(model, PartMarks(model, 1))
    assert marked == [*FORWARD, *BACKWARD, "optimiser neither"]


def test_frozen_parts_have_no_backward_pass(marked):
    model = tiny_model().train()
    freeze_parts(model, [Part.VISION, Part.PROJECTOR])
    run_step(model, PartMarks(model, 1))
    assert marked == [*FORWARD, *BACKWARD[:2], "optimiser neither"]


def test_evaluations_between_steps_make_no_marks(marked):
    model = tiny_model()
    PartMarks(model, 1)
    with torch.no_grad():
        model(input_ids=make_batch(model, (0,))["input_ids"])
        model(**model_arguments(make_batch(model)))
    assert marked == []


def test_a_model_with_adapters_is_marked_too(marked):
    adapted = add_lora(tiny_model(), LoraConfig(targets=LoraTargets.DECODER), Base("", {}), seed=0)
    freeze_parts(adapted, [Part.VISION, Part.DECODER])
    run_step(adapted, PartMarks(adapted, 1))
    assert marked == [*FORWARD, *BACKWARD[:3], "optimiser neither"]


def train(profiler, model, num_steps, resumed_at=0):
    """What the trainer calls."""
    args = SimpleNamespace(gradient_accumulation_steps=1)
    state = SimpleNamespace(global_step=resumed_at, max_steps=resumed_at + num_steps)
    optimiser = torch.optim.SGD(model.parameters(), 1e-3)
    profiler.on_train_begin(args, state, None)
    for _ in range(num_steps):
        (batch,) = torch.utils.data.DataLoader([make_batch(model)], batch_size=None)
        profiler.on_step_begin(args, state, None)
        model(**model_arguments(batch)).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        state.global_step += 1
        profiler.on_step_end(args, state, None)
    profiler.on_train_end(args, state, None)


@pytest.mark.thorough
def test_a_trace_and_a_page_of_the_chosen_steps(tmp_path):
    model = tiny_model().train()
    train(Profiler(tmp_path, ProfileConfig(start_step=2, num_steps=2), model), model, 5, resumed_at=10)
    # The second and third step after the tenth.
    trace_file = tmp_path / "profile" / "trace_steps_12_to_13.json.gz"
    assert sorted(path.name for path in trace_file.parent.iterdir()) == ["summary.md", trace_file.name]
    trace = json.loads(gzip.decompress(trace_file.read_bytes()))
    bars = [event for event in trace["traceEvents"] if event.get("cat") == "parts"]
    assert {"data", "vision forward", "vision backward", "loss backward", "optimiser"} < {bar["name"] for bar in bars}
    page = (tmp_path / "profile" / "summary.md").read_text()
    assert "steps 12 to 13" in page and "`aten::" in page
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    shares = {row[0]: float(row[-1].removesuffix("%")) for row in rows if row[-1].endswith("%")}
    assert all(shares[part] > 0 for part in ("data", "vision", "projector", "decoder", "loss", "optimiser"))
    assert sum(shares.values()) - shares["step"] == pytest.approx(100, abs=1)


def test_steps_that_the_run_does_not_have_are_refused(tmp_path):
    model = tiny_model()
    with pytest.raises(ConfigError, match="up to step 6, and the run has 5"):
        train(Profiler(tmp_path, ProfileConfig(start_step=4, num_steps=3), model), model, 5)


def test_a_run_near_its_end_can_be_resumed(tmp_path, caplog):
    model = tiny_model()
    train(Profiler(tmp_path, ProfileConfig(start_step=2, num_steps=2), model), model, 2, resumed_at=5)
    assert "2 steps remain, and train.profile asks for 3" in caplog.text and not (tmp_path / "profile").exists()


def test_a_run_that_ends_early_leaves_no_half_trace(tmp_path, caplog):
    model = tiny_model()
    profiler = Profiler(tmp_path, ProfileConfig(start_step=2, num_steps=2), model)
    args, state = SimpleNamespace(gradient_accumulation_steps=1), SimpleNamespace(global_step=0, max_steps=9)
    profiler.on_train_begin(args, state, None)
    profiler.on_step_end(args, state, None)
    profiler.on_train_end(args, state, None)
    assert "nothing is written" in caplog.text and not (tmp_path / "profile").exists()
    assert not model.vision._forward_hooks


@pytest.mark.parametrize("changes", [{"start_step": 1}, {"num_steps": -1}])
def test_senseless_choices_are_refused(changes):
    with pytest.raises(ConfigError, match=rf"train\.profile\.{next(iter(changes))}"):
        ProfileConfig(**changes)
