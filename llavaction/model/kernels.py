"""Optional kernels: refused where the machine cannot run them, instead of replaced by others."""

from __future__ import annotations

import torch
from torch import nn
from transformers.utils import import_utils

from llavaction.model.config import LossKernel
from llavaction.utils.errors import ConfigError

_PACKAGES = {
    "flash_attention_2": ("flash-attn", import_utils.is_flash_attn_2_available),
    "flash_attention_3": ("flash-attn-3", import_utils.is_flash_attn_3_available),
    "flex_attention": ("torch>=2.5", import_utils.is_torch_flex_attn_available),
    LossKernel.LIGER.value: ("liger-kernel (extra fast)", import_utils.is_liger_kernel_available),
}
"""The package behind each optional kernel, and how transformers knows that it is installed."""


def check_attention(attention: str) -> None:
    """Raises: ConfigError, when `model.attention` names a kernel that cannot run here."""
    _check("model.attention", attention, otherwise="sdpa")


def check_loss_kernel(kernel: LossKernel) -> None:
    """Raises: ConfigError, when `model.loss_kernel` names a kernel that cannot run here."""
    _check("model.loss_kernel", kernel.value, otherwise=LossKernel.CHUNKED.value)


def compile_blocks(*stacks: nn.ModuleList) -> None:
    """Compile the forward pass of each block at its first call; blocks of a stack share the result.

    Hooks, such as those that record outputs, stay outside and work as before.
    """
    for block in (block for stack in stacks for block in stack):
        block.forward = torch.compile(block.forward)


def _check(field: str, kernel: str, *, otherwise: str) -> None:
    if kernel not in _PACKAGES:
        return
    package, is_available = _PACKAGES[kernel]
    if not torch.cuda.is_available():
        raise ConfigError(f"{field} = {kernel} needs a GPU and torch sees none; use {otherwise}")
    if not is_available():
        raise ConfigError(f"{field} = {kernel} needs the package {package}; install it or use {otherwise}")
