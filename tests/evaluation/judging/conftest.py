"""A server that misbehaves when told."""

from tests.api.fixtures import *  # noqa: F403
