"""What all formats have in common: files of samples go in one by one, then comes what describes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from llavaction.sft.exports.source import SampleFile
from llavaction.sft.samples import Sample


class FormatWriter(ABC):
    """Writes one format into a folder of its own."""

    @abstractmethod
    def add(self, file: SampleFile, samples: Sequence[Sample]) -> str:
        """Write the samples of one file; return the new file's name below the writer's folder.

        Raises:
            DataError: naming the sample, when the format cannot say what it says.
        """

    @abstractmethod
    def finish(self) -> None:
        """Write what describes all files, once they are there."""
