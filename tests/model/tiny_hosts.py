"""Qwen2.5-VL and Qwen3-VL of transformers, tiny and with random weights, and what their processors would return."""

import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    set_seed,
)

from llavaction.model.build import ClassCounts
from llavaction.model.config import ActionSupervision, Distillation, LossWeights, SupervisedLayers
from llavaction.model.hosts.host import ActionTokenHost
from llavaction.model.objective import ActionObjective

IMAGE, VIDEO, START, END, ACTION = 59, 60, 61, 62, 63
COUNTS = ClassCounts(num_verbs=2, num_nouns=2, num_actions=4)
TEXT = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 1, 1]},
}
VISION = {
    "depth": 2,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_heads": 2,
    "patch_size": 2,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "out_hidden_size": 32,
    "initializer_range": 0.2,
}
IDS = {"image_token_id": IMAGE, "video_token_id": VIDEO, "vision_start_token_id": START, "vision_end_token_id": END}


def qwen2_5_vl():
    vision = {**VISION, "window_size": 8, "fullatt_block_indexes": [1]}
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=TEXT, vision_config=vision, **IDS))


def qwen3_vl():
    vision = {**VISION, "num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
    text = {**TEXT, "head_dim": 8}
    return Qwen3VLForConditionalGeneration(Qwen3VLConfig(text_config=text, vision_config=vision, **IDS))


HOSTS = {"qwen2_5_vl": qwen2_5_vl, "qwen3_vl": qwen3_vl}


def make_model(name):
    set_seed(0)
    return HOSTS[name]().eval()


def objective(layers=SupervisedLayers.LAST_LAYER, distillation=Distillation.NONE):
    return ActionObjective(layers, distillation, LossWeights(action=1.0))


def make_host(name, supervision=ActionSupervision.ONE_TOKEN, taught=None):
    return ActionTokenHost(make_model(name), supervision, COUNTS, taught or objective(), action_token_id=ACTION)


def video_text(name, num_steps):
    """A video as the model's processor writes it: Qwen3-VL has a time stamp (here 40) before each step."""
    step = [VIDEO] * 4
    return [40, START, *step, END] * num_steps if name == "qwen3_vl" else [START, *step * num_steps, END]


def processed(name, colours=((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)), seed=0, num_steps=2, left=False, labels=True):
    """What a processor returns for videos of one colour each, of two frames per step and 8 by 8 pixels."""
    generator = torch.Generator().manual_seed(seed)
    rows = [[5, *video_text(name, num_steps), 7, 8][: None if number else -1] for number in range(len(colours))]
    length = max(len(row) for row in rows)
    pads = [[0] * (length - len(row)) for row in rows]
    ids = torch.tensor([pad + row if left else row + pad for row, pad in zip(rows, pads, strict=True)])
    # A row of pixels is a patch, 2 frames by 2 by 2 pixels, the colours outermost.
    patches = torch.tensor(colours).repeat_interleave(8, dim=1).repeat_interleave(num_steps * 16, dim=0)
    inputs = {
        "input_ids": ids,
        "attention_mask": (ids != 0).long(),
        "mm_token_type_ids": (ids == VIDEO) * 2,
        "pixel_values_videos": patches + 0.3 * torch.randn(patches.shape, generator=generator),
        "video_grid_thw": torch.tensor([[num_steps, 4, 4]] * len(colours)),
    }
    return {**inputs, "labels": ids.where((ids == 7) | (ids == 8), -100)} if labels else inputs
