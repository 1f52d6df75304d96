from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from llavaction.utils.hashing import content_sha256, file_sha256
from tests.properties import reproducible


@reproducible
@given(st.lists(st.text(max_size=8)).flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
def test_content_hash_does_not_depend_on_order(orders: tuple[list[str], list[str]]) -> None:
    lines, shuffled = orders
    assert content_sha256(lines) == content_sha256(iter(shuffled))


def test_content_hash_tells_contents_apart() -> None:
    contents = [[], [""], ["a"], ["b"], ["a", "a"], ["a", "b"], ["ab"]]
    assert len({content_sha256(lines) for lines in contents}) == len(contents)


def test_content_hash_of_sorted_lines_is_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("a\nb\né\n", encoding="utf-8")
    assert content_sha256(["é", "b", "a"]) == file_sha256(path)


def test_file_hash_reads_all_blocks(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4100  # a little more than one block of a MiB
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
