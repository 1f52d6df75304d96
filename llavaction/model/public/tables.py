"""Fields of public `config.json` files: what they are called, what they may say, and what is written by default."""

from __future__ import annotations

from typing import Any

from llavaction.model.config import Distillation, SupervisedLayers

SO400M = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}
"""SigLIP so400m/14 at 384 px, the one SigLIP that the public code builds; its checkpoints do not describe it."""
SO400M_NAME = "google/siglip-so400m-patch14-384"
TOWER_CONSTANTS = {
    "model_type": "siglip_vision_model",
    "hidden_act": "gelu_pytorch_tanh",
    "layer_norm_eps": 1e-6,
    "num_channels": 3,
    "attention_dropout": 0.0,
}
"""What is the same for every SigLIP here."""

# Fields of Qwen2 that are called the same on both sides.
NEEDED = (
    *("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("max_position_embeddings", "rms_norm_eps", "vocab_size"),
)
OPTIONAL = {
    "hidden_act": "silu",
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "tie_word_embeddings": False,
    "use_sliding_window": False,
}
WINDOW = ("sliding_window", "max_window_layers")

TRAINING: dict[str, tuple[SupervisedLayers, Distillation]] = {
    "last_layer": (SupervisedLayers.LAST_LAYER, Distillation.NONE),
    "first_layer": (SupervisedLayers.FIRST_LAYER, Distillation.NONE),
    "all_layers": (SupervisedLayers.ALL_LAYERS, Distillation.NONE),
    "normal_distillation": (SupervisedLayers.ALL_LAYERS, Distillation.FROM_LAST),
    "reverse_distillation": (SupervisedLayers.ALL_LAYERS, Distillation.FROM_FIRST),
}
"""The public words of `vision_token_training`: which layers are taught, and which one teaches the others."""
POOL_STRIDE = 2
FEATURE_LAYER = -2

# Values without which another model would be computed; a field that is absent counts as null.
ONLY: dict[str, tuple[Any, ...]] = {
    "mm_projector_type": ("mlp2x_gelu",),
    "mm_patch_merge_type": ("spatial_unpad",),
    "mm_vision_select_feature": ("patch", None),
    "add_faster_video": (False, None),
}
# Values that say what is computed; the public code does not look at these fields and computes it anyway.
WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "mm_vision_select_layer": (FEATURE_LAYER, None),
    "mm_spatial_pool_stride": (POOL_STRIDE, None),
    "rope_scaling": (None,),
}
# What the public code expects beside the fields that depend on the model.
DEFAULTS: dict[str, Any] = {
    "architectures": ["LlavaQwenForCausalLM"],
    "model_type": "llava_qwen",
    "image_crop_resolution": None,
    "image_split_resolution": None,
    "mm_patch_merge_type": "spatial_unpad",
    "mm_projector_type": "mlp2x_gelu",
    "mm_resampler_type": None,
    "mm_spatial_pool_stride": POOL_STRIDE,
    # Makes the public loader build the tower before it loads the weights.
    "mm_tunable_parts": "mm_vision_tower,mm_mlp_adapter,mm_language_model",
    "mm_use_im_patch_token": False,
    "mm_use_im_start_end": False,
    "mm_vision_select_feature": "patch",
    "mm_vision_select_layer": FEATURE_LAYER,
    "add_faster_video": False,
    "rope_scaling": None,
    "tokenizer_padding_side": "right",
    "use_cache": True,
    "use_mm_proj": True,
    "use_pos_skipping": False,
}
