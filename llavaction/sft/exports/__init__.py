"""Built samples in the formats that other frameworks read."""

from llavaction.sft.exports.config import ExportConfig, ExportFormat
from llavaction.sft.exports.export import export_samples

__all__ = ["ExportConfig", "ExportFormat", "export_samples"]
