"""How long a training step takes, and how much memory, beside the way public code goes.

    python scripts/bench_step.py                                 (a small model on two CPU cores)
    python scripts/bench_step.py --size 0.5b --frames 16 --device cuda
    python scripts/bench_step.py --size 7b --frames 32 --device cuda model.vision_chunk=16

Forward and backward pass over one clip, its text and 20 labelled tokens, with random weights; no optimiser. Two ways,
from the same weights and modules:

- lean: this project's model. Words after the options change it, as for `llavaction train`.
- dense: as public LLaVA-style code does it. The LM head runs on all positions, all logits are kept in float32 and
  enter the loss, the hidden states of all layers are returned, patches are embedded by a convolution.

Each runs in a process of its own, one after the other and both again, `--repeats` times; a process takes one step to
warm up and times `--steps`. Prints a table of medians, and last a line of JSON with `time_ratio` and `memory_ratio`
(lean / dense) and the machine. `cpu_s` is the time of all threads on a core, which other jobs of the machine change
less than `step_s`. Memory is the peak of the whole process (resident set) on a CPU, with the interpreter and its
libraries in it, and the peak of what torch has allocated on a GPU.

MFU = F / (step time * peak FLOP/s), where F are the operations that forward and backward pass need, for both ways alike
(llavaction/training/flops.py says which). The peak is the vendor's for dense bf16 on known GPUs, else `--peak-tflops`;
on a CPU it is what a product of large square matrices reaches on the same threads.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llavaction.config.compose import compose_config

if TYPE_CHECKING:
    import torch

    from llavaction.model.modeling import LlavactionForConditionalGeneration

THREADS = 2
NUM_LABELS = 20
NUM_TEXT_TOKENS = 121
NAMES = {"0.5b": "llava_ov_0.5b", "7b": "llava_ov_7b"}
DEFAULT_FRAMES = {"cpu": 8, "0.5b": 16, "7b": 16}

SMALL_MODEL = [
    "model=llava_ov_7b",
    "model.vision={model_type: siglip_vision_model, hidden_size: 128, intermediate_size: 512, num_hidden_layers: 5, "
    "num_attention_heads: 2, image_size: 384, patch_size: 14}",
    "model.decoder={model_type: qwen2, hidden_size: 256, intermediate_size: 1024, num_hidden_layers: 4, "
    "num_attention_heads: 4, num_key_value_heads: 4, vocab_size: 152064, max_position_embeddings: 32768, "
    "tie_word_embeddings: false}",
    "model.dtype=float32",
]


def main() -> None:
    """Run both ways in turn, print the table and the line of JSON."""
    options = parse_options()
    if options.variant is not None:
        print(json.dumps(measure(options)))
        return
    runs: dict[str, list[dict[str, Any]]] = {"lean": [], "dense": []}
    for _ in range(options.repeats):
        for variant, done in runs.items():
            done.append(run_child(variant))
            print(f"{variant:6} {done[-1]['step_s']:8.3f} s {done[-1]['peak_mib']:8.0f} MiB", file=sys.stderr)
    report(options, runs)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=DEFAULT_FRAMES, default="cpu", help="shapes of the model")
    parser.add_argument("--frames", type=int, help="frames of the clip (default: 8 for cpu, else 16)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--repeats", type=int, default=3, help="processes per way")
    parser.add_argument("--steps", type=int, default=3, help="timed steps per process")
    parser.add_argument("--peak-tflops", type=float, help="of the device, for MFU")
    parser.add_argument("--variant", choices=("lean", "dense"), help="measure one way in this process")
    parser.add_argument("overrides", nargs="*", help="model.FIELD=VALUE, for the lean way")
    options = parser.parse_args()
    options.frames = options.frames or DEFAULT_FRAMES[options.size]
    return options


def run_child(variant: str) -> dict[str, Any]:
    """The figures of one way in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), *sys.argv[1:], "--variant", variant]
    # Threads that wait asleep leave the cores to other jobs, whose load is then felt by both ways alike.
    threads = {"OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def report(options: argparse.Namespace, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Medians as a table, then the line of JSON."""
    names = ("step_s", "cpu_s", "peak_mib", "tokens_per_s", "mfu", "loss", "grad_norm")
    lean, dense = ({name: statistics.median(run[name] for run in runs[way]) for name in names} for way in runs)
    print(f"{'':14}{'lean':>12}{'dense':>12}{'lean/dense':>12}")
    for name in names:
        ratio = f"{lean[name] / dense[name]:12.3f}" if name in ("step_s", "cpu_s", "peak_mib") else ""
        print(f"{name:14}{lean[name]:12.5g}{dense[name]:12.5g}{ratio}")
    differences = {f"{name}_difference": abs(lean[name] - dense[name]) for name in ("loss", "grad_norm")}
    print(*(f"{name:26}{value:12.3g}" for name, value in differences.items()), sep="\n")
    figures: dict[str, Any] = {
        "size": options.size,
        "frames": options.frames,
        "positions": runs["lean"][0]["positions"],
        "time_ratio": round(lean["step_s"] / dense["step_s"], 4),
        "cpu_ratio": round(lean["cpu_s"] / dense["cpu_s"], 4),
        "memory_ratio": round(lean["peak_mib"] / dense["peak_mib"], 4),
        "lean": lean,
        "dense": dense,
        **differences,
        "machine": {"device": runs["lean"][0]["device"], "cpus": os.cpu_count(), "arch": platform.machine()},
    }
    figures["machine"].update(threads=THREADS, python=platform.python_version())
    print(json.dumps(figures))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Figures of one way in this process."""
    import torch

    from llavaction.training.flops import ModelFlops, Workload

    torch.set_num_threads(THREADS)
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("--device cuda: torch sees no GPU here")
    model = build(options)
    batch = make_batch(model, options)
    step = lean_step if options.variant == "lean" else dense_step
    times, cpu_times = [], []
    for _ in range(1 + options.steps):
        model.zero_grad(set_to_none=True)
        start, cpu_start = time.perf_counter(), time.process_time()
        loss = step(model, batch)
        if options.device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        cpu_times.append(time.process_time() - cpu_start)
    # A process starts with the peak of the one that started it, which has no torch here and stays small.
    on_gpu, resident_kib = options.device == "cuda", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mib = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else resident_kib / 1024
    step_s, num_positions = statistics.median(times[1:]), batch["input_ids"].numel()
    flops = ModelFlops.of(model).step(Workload.of_rows(options.frames, [num_positions], NUM_LABELS))
    norms = [torch.linalg.vector_norm(weight.grad, dtype=torch.float64) for weight in model.parameters()]
    return {
        "step_s": step_s,
        "cpu_s": statistics.median(cpu_times[1:]),
        "peak_mib": peak_mib,
        "tokens_per_s": num_positions / step_s,
        "mfu": flops / step_s / peak_flops(options),
        "loss": loss,
        "grad_norm": float(torch.stack(norms).norm()),
        "positions": num_positions,
        "device": torch.cuda.get_device_name() if on_gpu else "cpu",
    }


def build(options: argparse.Namespace) -> LlavactionForConditionalGeneration:
    """The model in training mode, with gradient checkpointing unless it is the small one."""
    import torch

    from llavaction.model.build import ClassCounts, new_model

    words = SMALL_MODEL if options.size == "cpu" else [f"model={NAMES[options.size]}"]
    words = [*words, "paths.sft=none", "paths.videos=none", "model.tokenizer=none"]
    config = compose_config("train", words + (options.overrides if options.variant == "lean" else [])).model
    counts = ClassCounts(num_verbs=97, num_nouns=300, num_actions=3806)
    torch.set_default_dtype(getattr(torch, config.dtype))  # so that no weight is ever larger than it has to be
    for device in ("meta", options.device):
        with torch.device(device):
            model = new_model(config, counts, num_token_ids=151_000, eos_token_id=1, pad_token_id=0, seed=0)
        refuse_what_cannot_fit(model, options)
    torch.set_default_dtype(torch.float32)
    if options.size != "cpu":
        model.gradient_checkpointing_enable()
    if options.variant == "dense":
        # As transformers has it: our model runs this convolution as a matrix product.
        model.vision.tower.embeddings.patch_embedding.__class__ = torch.nn.Conv2d
    return model.train()


def refuse_what_cannot_fit(model: LlavactionForConditionalGeneration, options: argparse.Namespace) -> None:
    """Stop before the machine does: weights and gradients, and with `dense` three times the logits, must fit."""
    import torch

    needed = 2 * sum(weight.numel() * weight.element_size() for weight in model.parameters())
    if options.variant == "dense":
        num_positions = model.config.token_layout.num_visual_tokens(options.frames) + NUM_TEXT_TOKENS
        needed += 3 * 4 * num_positions * model.lm_head.out_features
    on_gpu = options.device == "cuda"
    total = torch.cuda.mem_get_info()[1] if on_gpu else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > total:
        raise SystemExit(
            f"--size {options.size}, {options.variant}, needs {needed / 2**30:.0f} GiB at the very least and "
            f"{options.device} has {total / 2**30:.0f}; choose a smaller --size, fewer --frames or another --device"
        )


def make_batch(model: LlavactionForConditionalGeneration, options: argparse.Namespace) -> dict[str, torch.Tensor]:
    """One clip of noise with its text: a question around it, and the labelled answer behind."""
    import torch

    layout, vision = model.config.token_layout, model.config.vision_config
    generator = torch.Generator().manual_seed(0)
    text = torch.randint(5, 1000, (NUM_TEXT_TOKENS,), generator=generator)
    ids = torch.cat([text[:20], torch.tensor(layout.placeholders(options.frames)), text[20:]])[None]
    labels = torch.full_like(ids, -100)
    labels[:, -NUM_LABELS:] = ids[:, -NUM_LABELS:]
    pixels = torch.randn(options.frames, 3, vision.image_size, vision.image_size, generator=generator)
    batch = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": labels,
        "action_labels": torch.tensor([[1, 2, 3]]),
        "pixel_values_videos": pixels,
        "num_frames_per_video": torch.tensor([options.frames]),
    }
    return {name: tensor.to(options.device) for name, tensor in batch.items()}


def lean_step(model: LlavactionForConditionalGeneration, batch: dict[str, torch.Tensor]) -> float:
    """This project's way."""
    output = model(**batch)
    output.loss.backward()
    return float(output.loss.detach())


def dense_step(model: LlavactionForConditionalGeneration, batch: dict[str, torch.Tensor]) -> float:
    """Public code's way; all that it returns is kept until the step is done."""
    from torch.nn import functional

    ids, labels, heads, weights = batch["input_ids"], batch["labels"], model.action_token, model.objective.weights
    assert heads is not None
    embeds_BSD = model.embed(ids, model.encode_videos(batch["pixel_values_videos"], batch["num_frames_per_video"]))
    settings = {"attention_mask": batch["attention_mask"], "use_cache": False, "output_hidden_states": True}
    decoded = model.decoder(inputs_embeds=embeds_BSD, **settings)
    logits_BSV = model.lm_head(decoded.hidden_states[-1]).float()
    shifted_BSV = logits_BSV[:, :-1].contiguous()
    loss = functional.cross_entropy(shifted_BSV.view(-1, shifted_BSV.shape[-1]), labels[:, 1:].reshape(-1))
    scores = heads(decoded.hidden_states[-1][ids == model.config.action_token_id][:, None])
    for part, logits, weight in zip(range(3), scores, (weights.verb, weights.noun, weights.action_class), strict=True):
        term = functional.cross_entropy(logits.float(), batch["action_labels"][:, part])
        loss = loss + weights.action * weight * term
    loss.backward()
    assert len(decoded.hidden_states) == len(model.decoder.layers) + 1 and logits_BSV.shape[1] == ids.shape[1]
    return float(loss.detach())


def peak_flops(options: argparse.Namespace) -> float:
    """What the device could do per second."""
    import torch

    from llavaction.training.flops import peak_tflops

    if options.peak_tflops is not None:
        return options.peak_tflops * 1e12
    if options.device == "cuda":
        name = torch.cuda.get_device_name()
        peak = peak_tflops(name)
        if peak is None:
            raise SystemExit(f"{name}: its peak is not known here; give --peak-tflops")
        return peak * 1e12
    from torch.utils.benchmark import Timer

    timer = Timer("matrix @ matrix", globals={"matrix": torch.ones(1536, 1536)}, num_threads=THREADS)
    return 2 * 1536**3 / min(timer.blocked_autorange(min_run_time=0.5).times)


if __name__ == "__main__":
    main()
