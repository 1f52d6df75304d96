"""Conversion both ways: nothing is lost, nothing is invented, and every misfit is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from llavaction.model.build import load_model
from llavaction.model.config import ActionSupervision, Distillation, NewlinePosition, PoolMode, SupervisedLayers
from llavaction.model.public.options import WeightType
from llavaction.testing.tiny import tiny_model, tiny_processor, tiny_tokenizer
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.jsonl import read_json
from tests.model.public_folders import (
    CLASSES,
    change_config,
    change_weights,
    convert,
    same_bytes,
    weights_of,
    write_ours,
    write_public,
    write_public_start,
)

pytestmark = pytest.mark.thorough

VARIANTS = ["B_none_grid", "B_one_last_grid", "B_three_last_onetok", "B_three_all_frame_inv", "B_one_ndistill_grid"]
POST_NORM = "model.vision_tower.vision_tower.vision_model.post_layernorm.weight"
BLOCK = "model.vision_tower.vision_tower.vision_model.encoder.layers.{}.layer_norm1.bias"


def load(folder: Path):
    return load_model(folder, dtype="float32", attention="sdpa").eval()


@pytest.mark.parametrize("variant", VARIANTS)
def test_public_to_ours_and_back_gives_the_same_checkpoint(shared: Path, tmp_path: Path, variant: str) -> None:
    source = shared / "oracle" / variant
    ours, back = tmp_path / "ours", tmp_path / "back"
    report = convert(source, ours, tokenizer=str(shared / "oracle" / "tiny_tokenizer"))
    convert(ours, back)
    assert report.made == () and len(report.aside) == 2
    assert same_bytes(weights_of(source), weights_of(back))
    assert read_json(back / "config.json") == read_json(source / "config.json")
    assert read_json(back / "vision_config.json") == read_json(source / "vision_config.json")
    assert (back / "tokenizer.json").read_bytes() == (shared / "oracle/tiny_tokenizer/tokenizer.json").read_bytes()
    assert (
        read_json(ours / "processor.json")["max_length"]
        == read_json(source / "config.json")["tokenizer_model_max_length"]
    )


@pytest.mark.parametrize(
    ("supervision", "tied"),
    [*((supervision, False) for supervision in ActionSupervision), (ActionSupervision.ONE_TOKEN, True)],
)
def test_ours_to_public_and_back_gives_the_same_checkpoint(
    tmp_path: Path, supervision: ActionSupervision, tied: bool
) -> None:
    ours, again = write_ours(tmp_path / "ours", supervision=supervision, tied=tied), tmp_path / "again"
    report = convert(ours, tmp_path / "public")
    assert report.made == (POST_NORM, POST_NORM.replace("weight", "bias"))
    assert ("lm_head.weight" in weights_of(tmp_path / "public")) is not tied
    convert(tmp_path / "public", again, CLASSES)
    assert same_bytes(weights_of(ours), weights_of(again))
    batch = {"input_ids": torch.tensor([[5, 6, 7]]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
    with torch.no_grad():
        assert torch.equal(load(ours)(**batch).logits, load(again)(**batch).logits)


@pytest.mark.parametrize(("newline", "pool_mode"), zip(NewlinePosition, PoolMode, strict=True))
def test_words_survive_both_ways(tmp_path: Path, newline: NewlinePosition, pool_mode: PoolMode) -> None:
    words = {
        "newline": newline,
        "pool_mode": pool_mode,
        "supervision": ActionSupervision.THREE_TOKENS,
        "supervised_layers": SupervisedLayers.ALL_LAYERS,
        "distillation": Distillation.FROM_FIRST,
    }
    convert(write_public(tmp_path / "public", **words), tmp_path / "ours")
    public, config = read_json(tmp_path / "public" / "config.json"), load(tmp_path / "ours").config
    assert (public["mm_newline_position"], public["mm_spatial_pool_mode"]) == (newline, pool_mode)
    assert (public["vision_supervision"], public["vision_token_training"]) == ("three_tokens", "reverse_distillation")
    assert public["action_types"] == "4,5,6"
    assert {name: getattr(config, name) for name in words} == words
    assert config.loss_weights["layer_average"] == "reference"


def test_a_checkpoint_without_action_token_stays_one_unless_asked(tmp_path: Path) -> None:
    report = convert(write_public_start(tmp_path / "public"), tmp_path / "ours")
    assert report.made == () and load(tmp_path / "ours").action_token is None
    assert "vision_supervision" not in read_json(tmp_path / "public" / "config.json")


def test_an_added_action_token_is_initialised_by_seed(tmp_path: Path) -> None:
    source = write_public_start(tmp_path / "public")
    tokens = {}
    for name, seed in (("first", 0), ("same", 0), ("other", 1)):
        report = convert(source, tmp_path / name, CLASSES, supervision=ActionSupervision.ONE_TOKEN, seed=seed)
        tokens[name] = weights_of(tmp_path / name)
    assert len(report.made) == 4 and report.made[0] == "action_token.embedding"
    made = {run: {name: tensor for name, tensor in tokens[run].items() if name in report.made} for run in tokens}
    assert same_bytes(made["first"], made["same"]) and not same_bytes(made["first"], made["other"])
    new = tiny_model().action_token.state_dict()
    for name, tensor in made["first"].items():
        assert tensor.shape == new[name.removeprefix("action_token.")].shape
        assert 0.5 < tensor.std() / new[name.removeprefix("action_token.")].std() < 2
    # The rest is untouched.
    convert(source, tmp_path / "plain")
    rest = {name: tensor for name, tensor in tokens["first"].items() if name not in report.made}
    assert same_bytes(rest, weights_of(tmp_path / "plain"))


def test_missing_heads_of_a_known_size_are_initialised_too(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    change_weights(source, **{"verb_head.weight": None, "model.action_supervision": None})
    report = convert(source, tmp_path / "ours")
    assert report.made == ("action_token.embedding", "action_token.verb_head.weight")
    assert load(tmp_path / "ours").config.num_verbs == 4


def test_adding_an_action_token_needs_to_know_the_classes(tmp_path: Path) -> None:
    source = write_public_start(tmp_path / "public")
    with pytest.raises(ConfigError, match="how many classes"):
        convert(source, tmp_path / "ours", supervision=ActionSupervision.ONE_TOKEN)
    with pytest.raises(ConfigError, match="has one_token already"):
        convert(write_public(tmp_path / "one"), tmp_path / "ours", supervision=ActionSupervision.THREE_TOKENS)


def test_heads_and_class_table_must_agree(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    others = type(CLASSES)(CLASSES.verbs[:-1], CLASSES.nouns, CLASSES.actions, {})
    with pytest.raises(ConfigError, match=r"\(4, 5, 6\) by the heads' weights, .*\(3, 5, 6\) by the class table"):
        convert(source, tmp_path / "ours", others)
    change_config(source, action_types="4,5,7")
    with pytest.raises(ConfigError, match=r"\(4, 5, 7\) by action_types"):
        convert(source, tmp_path / "ours")
    change_config(source, action_types=...)
    convert(source, tmp_path / "ours")


def test_a_full_vocabulary_gets_rows_for_the_placeholders_and_loses_them_again(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    full = max(tiny_tokenizer().get_vocab().values()) + 1
    rows = {name: weights_of(source)[name][:full] for name in ("model.embed_tokens.weight", "lm_head.weight")}
    change_weights(source, **rows)
    change_config(source, vocab_size=full)
    report = convert(source, tmp_path / "ours")
    model = load(tmp_path / "ours")
    assert "2 rows added to the vocabulary" in report.notes[0]
    assert (model.config.video_token_id, model.config.action_token_id) == (full, full + 1)
    assert model.lm_head.weight.shape[0] == full + 2 and not model.lm_head.weight[full:].any()
    convert(tmp_path / "ours", tmp_path / "back")
    assert same_bytes(weights_of(source), weights_of(tmp_path / "back"))
    assert read_json(tmp_path / "back" / "config.json")["vocab_size"] == full


def test_a_padded_vocabulary_has_rows_for_the_placeholders(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    change_weights(source, **{n: torch.randn(320, 32) for n in ("model.embed_tokens.weight", "lm_head.weight")})
    change_config(source, vocab_size=320)
    assert convert(source, tmp_path / "ours").notes == ()
    config = load(tmp_path / "ours").config
    assert (config.video_token_id, config.action_token_id) == (318, 319)


def test_a_missing_head_is_tied_whatever_the_configuration_says(tmp_path: Path) -> None:
    """Fine-tuned 0.5B checkpoints are like this."""
    source = write_public(tmp_path / "public", tied=True)
    change_config(source, tie_word_embeddings=False)
    report = convert(source, tmp_path / "ours")
    model = load(tmp_path / "ours")
    assert "lm_head.weight is in none of the files" in report.notes[0]
    assert model.lm_head.weight is model.decoder.embed_tokens.weight
    convert(tmp_path / "ours", tmp_path / "back")
    assert same_bytes(weights_of(source), weights_of(tmp_path / "back"))
    assert read_json(tmp_path / "back" / "config.json")["tie_word_embeddings"] is True


def test_a_copy_of_tied_embeddings_is_kept_aside(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public", tied=True)
    embeddings = weights_of(source)["model.embed_tokens.weight"]
    change_weights(source, **{"lm_head.weight": embeddings.clone()})
    assert "lm_head.weight" in convert(source, tmp_path / "ours").aside
    convert(tmp_path / "ours", tmp_path / "back")
    assert same_bytes(weights_of(source), weights_of(tmp_path / "back"))
    change_weights(source, **{"lm_head.weight": embeddings + 1})
    with pytest.raises(CheckpointError, match=r"lm_head\.weight differs from the embeddings"):
        convert(source, tmp_path / "other")


def test_blocks_that_are_not_computed_are_kept_aside(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    change_weights(
        source, **{BLOCK.format(2): torch.ones(16), POST_NORM.replace("post_layernorm", "head.mlp"): torch.ones(3)}
    )
    assert len(convert(source, tmp_path / "ours").aside) == 4
    convert(tmp_path / "ours", tmp_path / "back")
    assert same_bytes(weights_of(source), weights_of(tmp_path / "back"))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"model.image_newline": None}, r"1 missing \(first: model\.image_newline\)"),
        ({BLOCK.format(0): None, BLOCK.format(1): None}, r"2 missing \(first: .*layers\.0"),
        ({"model.faster_token": torch.ones(32)}, r"1 not known \(first: model\.faster_token\)"),
        ({BLOCK.format(1).replace("norm1", "norm3"): torch.ones(16)}, r"1 not known"),
        ({"stranger": torch.ones(1), "model.norm.weight": None}, r"1 missing .*, 1 not known \(first: stranger\)"),
        ({"model.norm.weight": torch.ones(31)}, r"1 weights are of another shape .* is \[31\], not \[32\]"),
        ({"model.embed_tokens.weight": torch.ones(301, 32)}, r"\[301, 32\], not \[302, 32\]"),
        ({"model.action_supervision": torch.ones(3, 32)}, r"\[3, 32\], not \[1, 32\]"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, weights: dict, message: str) -> None:
    source = write_public(tmp_path / "public")
    change_weights(source, **weights)
    with pytest.raises(CheckpointError, match=message):
        convert(source, tmp_path / "ours")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["public"]


@pytest.mark.parametrize("change", ["missing", "unknown", "shape"])
def test_weights_of_ours_that_do_not_fit_are_named(tmp_path: Path, change: str) -> None:
    source = write_ours(tmp_path / "ours")
    change_weights(
        source,
        **{
            "missing": {"newline": None},
            "unknown": {"stranger": torch.ones(1)},
            "shape": {"newline": torch.ones(3)},
        }[change],
    )
    with pytest.raises(CheckpointError, match=r"newline|stranger"):
        convert(source, tmp_path / "public")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vision_supervision": "all_newlines"}, "vision_supervision = 'all_newlines': known are"),
        ({"vision_token_training": "some_layers"}, "vision_token_training = 'some_layers': known are"),
        ({"mm_newline_position": "no_token"}, "mm_newline_position = 'no_token': known are"),
        ({"mm_spatial_pool_mode": "cubic"}, "mm_spatial_pool_mode = 'cubic': known are"),
        ({"mm_projector_type": "linear"}, "mm_projector_type = 'linear': only 'mlp2x_gelu'"),
        ({"add_faster_video": True}, "add_faster_video = True: only False"),
        ({"hidden_size": ..., "rope_theta": ...}, "hidden_size, rope_theta: not there"),
        ({"action_types": "4,5"}, "action_types = '4,5': expected three numbers"),
    ],
)
def test_what_the_model_does_not_know_is_refused(tmp_path: Path, fields: dict, message: str) -> None:
    source = write_public(tmp_path / "public")
    change_config(source, **fields)
    with pytest.raises(ConfigError, match=rf"config\.json: .*{message}"):
        convert(source, tmp_path / "ours")


def test_fields_that_the_public_code_does_not_look_at_are_told(tmp_path: Path) -> None:
    source = write_public_start(tmp_path / "public")
    change_config(source, mm_spatial_pool_stride=4, rope_scaling={"type": "linear", "factor": 2.0})
    notes = convert(source, tmp_path / "ours").notes
    assert notes[0].startswith("mm_spatial_pool_stride = 4 is not applied") and "rope_scaling" in notes[1]
    config = load(tmp_path / "ours").config
    assert config.pool_stride == 2 and config.text_config.rope_parameters["rope_type"] == "default"


def test_newlines_default_to_the_public_code_s_and_can_be_changed(tmp_path: Path) -> None:
    source = write_public_start(tmp_path / "public")
    change_config(source, mm_newline_position=...)
    convert(source, tmp_path / "ours")
    assert load(tmp_path / "ours").config.newline == "one_token"
    convert(tmp_path / "ours", tmp_path / "back")
    assert read_json(tmp_path / "back" / "config.json") == read_json(source / "config.json")
    convert(source, tmp_path / "grid", newline=NewlinePosition.GRID)
    assert read_json(tmp_path / "grid" / "processor.json")["layout"]["newline"] == "grid"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pool_stride": 3}, "pool_stride is 3"),
        ({"vision_feature_layer": -1}, "vision_feature_layer is -1"),
        ({"distillation": Distillation.FROM_LAST}, "last_layer with distillation = from_last"),
        ({"decoder": {"model_type": "qwen3", "hidden_size": 32, "num_hidden_layers": 1}}, "decoder is 'qwen3'"),
    ],
)
def test_what_the_public_format_has_no_word_for_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    model = tiny_model(**changes)
    model.save_pretrained(tmp_path / "ours")
    tiny_processor(model).save(tmp_path / "ours")
    with pytest.raises(ConfigError, match=message):
        convert(tmp_path / "ours", tmp_path / "public")


def test_types_are_kept_or_cast(tmp_path: Path) -> None:
    source = write_ours(tmp_path / "ours")
    half = {name: tensor.bfloat16() for name, tensor in weights_of(source).items()}
    change_weights(source, **half)
    convert(source, tmp_path / "kept")
    assert {tensor.dtype for tensor in weights_of(tmp_path / "kept").values()} == {torch.bfloat16}
    assert read_json(tmp_path / "kept" / "config.json")["torch_dtype"] == "bfloat16"
    report = convert(tmp_path / "kept", tmp_path / "cast", dtype=WeightType.FLOAT32)
    expected = {name: tensor.float() for name, tensor in half.items()}
    assert report.dtype == "float32" and same_bytes(weights_of(tmp_path / "cast"), expected)
    assert read_json(tmp_path / "cast" / "config.json")["dtype"] == "float32"
    change_weights(source, newline=torch.full((32,), 1e6, dtype=torch.bfloat16))
    with pytest.raises(CheckpointError, match=r"newline holds numbers too large for torch\.float16"):
        convert(source, tmp_path / "small", dtype=WeightType.FLOAT16)


def test_load_model_says_how_to_convert(tmp_path: Path) -> None:
    source = write_public(tmp_path / "public")
    with pytest.raises(CheckpointError, match=rf"`llavaction convert source={source} output=FOLDER`"):
        load_model(source, dtype="float32", attention="sdpa")
