"""Typed configuration: YAML and command line in, checked dataclasses out. The only place that sees Hydra."""
