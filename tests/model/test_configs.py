"""The model configs have the shapes of the public models."""

import pytest
import torch

from llavaction.config.compose import compose_config
from llavaction.model.build import ClassCounts, new_model
from llavaction.training.parts import count_parameters

# One SigLIP so400m block: four square projections, a two-layer MLP, two norms.
BLOCK = 4 * (1152 * 1152 + 1152) + 2 * 1152 * 4304 + 4304 + 1152 + 4 * 1152
TOWER = 26 * BLOCK + 3 * 14 * 14 * 1152 + 1152 + 27 * 27 * 1152


@pytest.mark.parametrize(
    ("name", "decoder"),
    # Parameters that Qwen2-0.5B (tied) and Qwen2-7B are published with.
    [("llava_ov_0.5b", 494_032_768), ("llava_ov_7b", 7_615_616_512)],
)
def test_parameter_counts(name, decoder):
    overrides = [f"model={name}", "model.tokenizer=x", "paths.sft=x", "paths.videos=x"]
    config = compose_config("train", overrides).model
    with torch.device("meta"):
        model = new_model(
            config, ClassCounts(97, 300, 3806), num_token_ids=151_665, eos_token_id=1, pad_token_id=0, seed=0
        )
    counts = {part: entry["all"] for part, entry in count_parameters(model).items()}
    width = model.config.text_config.hidden_size
    assert counts["vision"] == TOWER
    assert counts["decoder"] == decoder
    assert counts["projector"] == 1152 * width + width + width * width + width + width
    assert counts["action"] == width * (1 + 97 + 300 + 3806)
    assert model.config.token_layout.num_visual_tokens(16) == 3360
