"""Who may import whom: data flows one way, torch stays out of what needs none, optional libraries stay in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPO_ROOT = Path(__file__).resolve().parents[1]
PACKAGE = REPO_ROOT / "llavaction"
PACKAGES = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())

BELOW_SFT = {"utils", "annotations", "specialists", "text", "video", "api"}
BELOW_EVALUATION = {*BELOW_SFT, "sft", "processing"}
# Rows and what figures are made of them, without a model.
EVALUATED = {
    *("evaluation.config", "evaluation.predictions", "evaluation.metrics", "evaluation.outcomes"),
    *("evaluation.intervals", "evaluation.same_questions", "evaluation.paired", "evaluation.calibration"),
    *("evaluation.breakdowns", "evaluation.class_scores", "evaluation.ranks", "evaluation.subsets"),
    *("evaluation.challenge", "evaluation.recognition"),
    *("evaluation.attention.config", "evaluation.attention.places", "evaluation.attention.records"),
    "evaluation.attention.summary",
}
COMPONENTS = {*BELOW_EVALUATION, "model", "evaluation", "training", "reports"}

# What each package may import beside itself: packages, or modules of a package.
ALLOWED: dict[str, set[str]] = {
    "utils": set(),
    "annotations": {"utils"},
    "specialists": {"utils", "annotations"},
    "text": {"utils", "annotations"},
    "video": {"utils", "annotations"},
    "api": {"utils", "video"},
    "sft": BELOW_SFT,
    "model": {"utils"},
    "processing": {*BELOW_SFT, "sft", "model.config", "model.picture_layout", "model.token_layout"},
    "evaluation": {*BELOW_EVALUATION, "model"},
    "training": {*BELOW_EVALUATION, "model"},
    "reports": {*BELOW_EVALUATION, *EVALUATED},
    "integrations": {*BELOW_EVALUATION, "model", "evaluation"},
    # Above everything.
    "config": COMPONENTS,
    "cli": {*COMPONENTS, "config"},
    "__main__": {"cli"},
    # Beside everything: nothing imports them, save the exceptions below.
    "toy_kitchen": {"utils", "annotations.timestamps", "video.encoding"},
    "testing": {*COMPONENTS, "config", "cli"},
}

# What a single module may import beyond its package.
EXCEPTIONS: dict[str, set[str]] = {
    "cli.demo": {"toy_kitchen"},
    "config.schema": {"toy_kitchen"},
    "training.evaluating": {"evaluation"},
    "training.spec": {"evaluation.config"},
}

# Libraries that only these modules know, and where their absence or their slow import must not be felt.
ONLY_IN: dict[str, set[str]] = {
    "hydra": {"config.compose", "config.problems"},
    "omegaconf": {"config.compose", "config.problems", "config.schema"},
}
ONLY_IN_FUNCTIONS_OF: dict[str, set[str]] = {
    "av": {
        *("video.encoding", "video.backends.packet_index", "video.backends.pyav_reader"),
        *("video.chunking", "video.cutting", "video.decoding", "video.probe", "video.scaling"),
    },
    "decord": {"video.backends.decord_reader"},
    "pyarrow": {"specialists.predictions", "sft.exports.datasets"},
    "matplotlib": {"reports.pictures", "training.curves"},
    "PIL": {"api.frames", "processing.pictures", "reports.audit.frames", "video.pictures"},
    "deepspeed": {"training.cpu", "training.evaluating", "training.gradients", "training.zero_checkpoints"},
    "liger_kernel": {"model.lm_head"},
    "wandb": {"training.trackers"},
    "openai": {"api.client"},
    "torchcodec": set(),
    "torchvision": set(),
}

# What the model stands on; huggingface_hub has the decorator that transformers' configurations are made with. Adapters
# are peft's, in files of safetensors; liger_kernel is optional.
MODEL_LIBRARIES = {"torch", "transformers", "huggingface_hub", "peft", "safetensors", "liger_kernel"}

TORCH_FREE = [
    *("utils", "annotations", "specialists", "text", "video", "api", "sft", "reports", "toy_kitchen", "config", "cli"),
    *(*EVALUATED, "evaluation.parsing", "evaluation.free_answers", "evaluation.mining"),
    *("evaluation.contestants", "evaluation.judging"),
    *("model.config", "model.picture_layout", "model.token_layout"),
    *("training.config", "processing.mixture", "processing.chat"),
    *("training.curves", "training.timeline", "training.profile_summary"),
    *("model.checkpoints", "model.public.config", "model.public.options", "model.public.tables"),
]


@cache
def sources() -> dict[str, ast.Module]:
    """The syntax tree of every module, by its name without `llavaction`."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of the modules that a tree imports, also those imported by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name.removeprefix("llavaction.") in sources() else str(node.module) for name in inner)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "import_module":
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))


def at_import(tree: ast.Module) -> Iterator[str]:
    """The modules that are imported when this one is."""
    for statement in tree.body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            continue
        if isinstance(statement, ast.ClassDef):
            yield from at_import(ast.Module(statement.body, []))
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports(statement)


def forbidden(name: str, tree: ast.Module) -> set[str]:
    """What module `name` imports of this package though its place does not allow it."""
    package = name.split(".")[0]
    allowed = ALLOWED[package] | EXCEPTIONS.get(name, set()) | {package}
    ours = {module.removeprefix("llavaction.") for module in imports(tree) if module.startswith("llavaction.")}
    return {module for module in ours if not any(f"{module}.".startswith(f"{place}.") for place in allowed)}


@cache
def libraries() -> dict[str, set[str]]:
    """The packages that each module imports anywhere."""
    return {name: {module.split(".")[0] for module in imports(tree)} for name, tree in sources().items()}


def importers(library: str) -> set[str]:
    """The modules that import a library anywhere."""
    return {name for name, used in libraries().items() if library in used}


def test_each_package_has_its_place() -> None:
    assert set(PACKAGES) <= set(ALLOWED)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_downwards_only(package: str) -> None:
    wrong = {
        name: found
        for name, tree in sources().items()
        if name.split(".")[0] == package and (found := forbidden(name, tree))
    }

    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("evaluation.runner", "from llavaction.training.run import train"),
        ("processing.batch", "from llavaction.model.modeling import X"),
        ("processing.batch", "from llavaction.model import modeling"),
        ("sft.build", "import llavaction.model.config"),
        ("reports.collect", "def f():\n    from llavaction.evaluation.runner import X"),
        ("training.run", "from llavaction.evaluation.runner import evaluate"),
        ("text.matching", "from llavaction.video.clip import Clip"),
        ("cli.train", "from llavaction.toy_kitchen.write import write_kitchen"),
        ("model.build", "import llavaction.testing.tiny"),
    ],
)
def test_an_import_upwards_would_be_found(name: str, line: str) -> None:
    assert forbidden(name, ast.parse(line))


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_exceptions_name_modules_that_exist(name: str) -> None:
    assert name in sources()


def test_nothing_imports_what_lies_beside_the_package() -> None:
    for folder in ("scripts", "data_prep", "tests", "configs"):
        assert importers(folder) == set()


def test_the_model_stands_on_few_libraries() -> None:
    used = {library for name, found in libraries().items() if name.split(".")[0] == "model" for library in found}

    assert used - MODEL_LIBRARIES - set(sys.stdlib_module_names) == {"llavaction"}


@pytest.mark.parametrize(("library", "modules"), {**ONLY_IN, **ONLY_IN_FUNCTIONS_OF}.items())
def test_a_library_has_one_place(library: str, modules: set[str]) -> None:
    assert importers(library) == modules


@pytest.mark.parametrize("library", ONLY_IN_FUNCTIONS_OF)
def test_an_optional_library_is_imported_where_it_is_used(library: str) -> None:
    early = [name for name, tree in sources().items() if library in {m.split(".")[0] for m in at_import(tree)}]

    assert early == []


def test_an_early_import_would_be_found() -> None:
    code = "if True:\n    import av\nclass C:\n    import decord\ndef f():\n    import pyarrow"

    assert list(at_import(ast.parse(code))) == ["av", "decord"]


def test_what_needs_no_torch_does_not_import_it() -> None:
    chosen = [
        f"llavaction.{name}" for name in sources() if any(f"{name}.".startswith(f"{place}.") for place in TORCH_FREE)
    ]
    # One after another in one process: the first that brings torch in is named.
    code = f"""
import importlib, sys
for name in {chosen}:
    importlib.import_module(name)
    found = {{"torch", "transformers", "av", "decord", "pyarrow", "matplotlib"}} & set(sys.modules)
    if found:
        sys.exit(f"{{name}} imports {{sorted(found)}}")
"""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, timeout=120)

    assert len(chosen) > 80
    assert result.returncode == 0, result.stderr
