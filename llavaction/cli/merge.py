"""`llavaction merge`: an adapter and its base to a plain checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path

from llavaction.config.compose import compose_config, resolved_yaml
from llavaction.config.schema import MergeRoot
from llavaction.model.lora.base import is_adapter
from llavaction.utils.errors import CheckpointError, ConfigError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.logs import set_up_logging
from llavaction.utils.runs import record_run

logger = logging.getLogger(__name__)


def main(overrides: list[str]) -> None:
    """Merge what `overrides` name."""
    run(compose_config("merge", overrides))


def run(root: MergeRoot) -> Path:
    """Merge, record, and return the folder of the merged model."""
    adapter, output = Path(root.checkpoint), Path(root.output)
    if output.exists():
        raise ConfigError(f"{output} exists; choose another folder with output=FOLDER")
    if not is_adapter(adapter):
        raise CheckpointError(f"{adapter} holds no adapter; `llavaction train lora=lora` makes one")
    set_up_logging()
    from llavaction.model.build import load_model
    from llavaction.model.lora.adapted import WEIGHTS_FILE
    from llavaction.processing.processor import Processor
    from llavaction.sft.classes import ClassTable

    base = Path(root.base) if root.base is not None else None
    model = load_model(adapter, dtype=root.dtype, attention="sdpa", base=base)
    # Renamed when all is in it: a folder of the final name is whole.
    partial = output.with_name(f"{output.name}.partial")
    model.save_pretrained(partial)
    Processor.load(adapter).save(partial)
    ClassTable.load(adapter).save(partial)
    record_run(partial, "merge", resolved_yaml(root), {WEIGHTS_FILE: file_sha256(adapter / WEIGHTS_FILE)})
    partial.rename(output)
    logger.info("saved %s (%s)", output, model.dtype)
    return output
