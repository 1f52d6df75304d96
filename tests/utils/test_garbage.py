"""The collector rests inside, and is as before outside, whatever happens."""

from __future__ import annotations

import gc

import pytest

from llavaction.utils.garbage import paused_collector


def test_it_goes_on_afterwards() -> None:
    with pytest.raises(ValueError, match="a bug"), paused_collector():
        assert not gc.isenabled()
        raise ValueError("a bug")
    assert gc.isenabled()


def test_one_that_rested_before_rests_on() -> None:
    gc.disable()
    try:
        with paused_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
