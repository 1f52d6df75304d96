"""Names and sizes of the published checkpoints."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from llavaction.model.checkpoints import CheckpointFormat, format_of
from llavaction.model.config import ActionSupervision, NewlinePosition
from llavaction.model.public.config import PublicConfig
from llavaction.model.public.conversion import model_shapes
from llavaction.model.public.mapping import to_our_config, to_public_config
from llavaction.model.public.names import NAMES, POST_NORM, is_unused, our_name, public_name
from llavaction.model.public.tables import SO400M
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.jsonl import write_json

# What the configurations on the hub say, as far as it decides the model.
COMMON = {
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-06,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "use_sliding_window": False,
    "mm_patch_merge_type": "spatial_unpad",
    "mm_projector_type": "mlp2x_gelu",
    "mm_spatial_pool_mode": "bilinear",
    "mm_vision_select_feature": "patch",
    "mm_vision_select_layer": -2,
    "mm_vision_tower": "google/siglip-so400m-patch14-384",
    "tokenizer_model_max_length": 32768,
}
QWEN2_05B = {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
QWEN2_7B = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "tie_word_embeddings": False,
}
ACTION = {"vision_supervision": "one_token", "vision_token_training": "last_layer", "action_types": "97,300,3806"}
VIDEO = {"mm_newline_position": "grid", "mm_spatial_pool_stride": 2}
PUBLISHED = {
    "llava-onevision-qwen2-0.5b-ov": (QWEN2_05B, 894),
    "llava-onevision-qwen2-7b-ov": (QWEN2_7B, 8_030),
    "LLaVA-Video-7B-Qwen2": ({**QWEN2_7B, **VIDEO}, 8_030),
    "LLaVAction-0.5B": ({**QWEN2_05B, **VIDEO, **ACTION}, 897),
    "LLaVAction-7B": ({**QWEN2_7B, **VIDEO, **ACTION}, 8_046),
}
# Names that are in the published files, and their shapes for a width of 896.
SOME_NAMES = {
    "model.embed_tokens.weight": (151936, 896),
    "model.image_newline": (896,),
    "model.layers.23.self_attn.k_proj.bias": (128,),
    "model.mm_projector.0.weight": (896, 1152),
    "model.mm_projector.2.bias": (896,),
    "model.norm.weight": (896,),
    "model.vision_tower.vision_tower.vision_model.embeddings.patch_embedding.weight": (1152, 3, 14, 14),
    "model.vision_tower.vision_tower.vision_model.embeddings.position_embedding.weight": (729, 1152),
    "model.vision_tower.vision_tower.vision_model.encoder.layers.25.mlp.fc1.weight": (4304, 1152),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name: str) -> None:
    fields, millions = PUBLISHED[name]
    public = PublicConfig.parse({**COMMON, **fields}, None)
    config = to_our_config(public, public.num_classes or (0, 0, 0), public.decoder["vocab_size"], 151645, 151643)
    shapes = {public_name(ours): shape for ours, shape in model_shapes(config).items()}
    # With the tower's final norm, which is in the files too.
    num_parameters = sum(math.prod(shape) for shape in shapes.values()) + len(POST_NORM) * 1152
    assert round(num_parameters / 1e6) == pytest.approx(millions, rel=2e-3)
    assert ("lm_head.weight" in shapes) is (fields["hidden_size"] == 3584)
    assert not any(".encoder.layers.26." in public for public in shapes)
    if fields["hidden_size"] == 896:
        assert {public: shapes[public] for public in SOME_NAMES} == SOME_NAMES
    if "vision_supervision" in fields:
        assert shapes["model.action_supervision"] == (1, fields["hidden_size"])
        assert shapes["action_head.weight"] == (3806, fields["hidden_size"])
    # LLaVA-OneVision's files do not say where newlines go; the public code then adds one at the end.
    newline = NewlinePosition.GRID if "mm_newline_position" in fields else NewlinePosition.ONE_TOKEN
    assert config.newline == newline
    assert config.token_layout.pooled_per_side == 14
    assert to_public_config(config, 32768) == public


def test_the_oracle_s_names(shared: Path) -> None:
    lines = (shared / "oracle" / "keylist.txt").read_text().splitlines()
    names = [line.split(" (")[0] for line in lines]
    assert len(names) > 80
    for name in names:
        if not is_unused(name, num_blocks=2):
            assert public_name(our_name(name) or "") == name


@pytest.mark.parametrize("line", NAMES)
def test_the_table_can_be_read_both_ways(line: tuple[str, str]) -> None:
    theirs, ours = (f"{prefix}x" for prefix in line)
    assert our_name(theirs) == ours and public_name(ours) == theirs


def test_unknown_names() -> None:
    assert our_name("stranger.weight") is None
    with pytest.raises(KeyError):
        public_name("stranger.weight")


@pytest.mark.parametrize(
    ("name", "unused"),
    [
        ("model.vision_tower.vision_tower.vision_model.post_layernorm.bias", True),
        ("model.vision_tower.vision_tower.vision_model.encoder.layers.26.mlp.fc1.bias", True),
        ("model.vision_tower.vision_tower.vision_model.encoder.layers.25.mlp.fc9.bias", False),
        ("model.vision_tower.vision_tower.vision_model.head.probe", True),
        ("model.layers.3.self_attn.rotary_emb.inv_freq", True),
        ("model.post_layernorm.bias", False),
        ("model.vision_resampler.x", False),
    ],
)
def test_what_may_be_left_over(name: str, unused: bool) -> None:
    assert is_unused(name, num_blocks=26) is unused


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"model_type": "llavaction"}, CheckpointFormat.OURS),
        ({"model_type": "llava_qwen"}, CheckpointFormat.PUBLIC),
        # So it stands in files on the hub.
        ({"model_type": "llava", "architectures": ["LlavaQwenForCausalLM"]}, CheckpointFormat.PUBLIC),
        ({"model_type": "qwen2", "architectures": ["LlavaQwenForCausalLM"]}, CheckpointFormat.PUBLIC),
        ({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}, None),
        ({"model_type": "llava_onevision", "architectures": None}, None),
    ],
)
def test_formats_are_told_apart(tmp_path: Path, fields: dict, expected: CheckpointFormat | None) -> None:
    write_json(tmp_path / "config.json", fields)
    if expected is not None:
        assert format_of(tmp_path) is expected
        return
    with pytest.raises(CheckpointError, match="neither a checkpoint of this project nor a public one"):
        format_of(tmp_path)


def test_supervision_words_are_the_public_ones() -> None:
    fields = {**COMMON, **QWEN2_05B, **ACTION}
    for supervision in set(ActionSupervision) - {ActionSupervision.NONE}:
        assert PublicConfig.parse({**fields, "vision_supervision": supervision.value}, None).supervision is supervision
    assert PublicConfig.parse({**fields, "vision_supervision": None}, None).supervision is ActionSupervision.NONE
    with pytest.raises(ConfigError, match="vision_supervision = 'all_newlines': known are"):
        PublicConfig.parse({**fields, "vision_supervision": "all_newlines"}, None)


def test_other_towers_need_a_description() -> None:
    fields = {**COMMON, **QWEN2_05B}
    with pytest.raises(ConfigError, match="only SigLIP so400m is known"):
        PublicConfig.parse({**fields, "mm_vision_tower": "openai/clip-vit-large-patch14-336"}, None)
    small = {**SO400M, "num_hidden_layers": 12}
    assert PublicConfig.parse(fields, small).vision == small
    with pytest.raises(ConfigError, match="'quick_gelu' is not known to be a SigLIP's"):
        PublicConfig.parse(fields, {**small, "hidden_act": "quick_gelu"})
    with pytest.raises(ConfigError, match="patch_size not there"):
        PublicConfig.parse(fields, {name: size for name, size in small.items() if name != "patch_size"})
