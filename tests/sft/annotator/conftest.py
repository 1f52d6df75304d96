"""A server that misbehaves when told, and a film."""

from tests.api.fixtures import *  # noqa: F403
