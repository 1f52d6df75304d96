"""data_prep/fetch_annotations.py against a web server that does not always behave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from llavaction.utils.hashing import file_sha256
from tests.data_prep.conftest import load_script

Run = Callable[..., int]
NAMES = list(load_script("fetch_annotations").FILES)
TRAIN = "EPIC_100_train.csv"
CONTENT = {name: f"{name}\n".encode() * 5000 for name in NAMES}
EXPECTED = [word for name in NAMES for word in ("--expect", f"{name}={hashlib.sha256(CONTENT[name]).hexdigest()}")]


@dataclass
class Site:
    """What the server has, how it misbehaves, and what it was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    faults: dict[str, list[str]] = field(default_factory=dict)
    """Faults by file name, one per request, in turn."""
    knows_ranges: bool = True
    requests: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, ref, name = self.path.split("/")
            site.requests[name] += 1
            fault = site.faults.get(name, []).pop(0) if site.faults.get(name) else ""
            if ref != "abc" or name not in site.files:
                return self.send_error(404)
            if fault.isdigit():
                return self.send_error(int(fault))
            data, first = site.files[name], 0
            if (wanted := self.headers.get("Range")) and site.knows_ranges:
                site.ranges.append(wanted)
                first = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if first >= len(data):
                    return self.send_error(416)
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(data) - first))
            self.end_headers()
            self.wfile.write(data[first : first + 30_000] if fault == "cut" else data[first:])

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    yield site
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def fetch(run_script: Run, site: Site, tmp_path: Path) -> Callable[..., int]:
    """Runs the script against the server; files go to `tmp_path`."""

    def run(*words: object) -> int:
        options = ["--base-url", site.address, "--ref", "abc", "--pause-s", 0.001]
        return run_script("fetch_annotations", tmp_path, *options, *words)

    return run


def fetched(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "checksums.json"}


def test_all_files(fetch: Run, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch(*EXPECTED) == 0
    assert fetched(tmp_path) == CONTENT
    assert "CC BY-NC 4.0" in capsys.readouterr().out
    assert json.loads((tmp_path / "checksums.json").read_text()) == {
        name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()
    }
    assert fetch(*EXPECTED) == 0
    assert fetch() == 0  # the hashes recorded by the first run do as well
    assert set(site.requests.values()) == {1}


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_server_that_cuts_and_fails(fetch: Run, site: Site, tmp_path: Path, knows_ranges: bool) -> None:
    site.knows_ranges = knows_ranges
    site.faults = {TRAIN: ["cut", "503", "cut", "429"]}
    assert fetch(*EXPECTED) == 0
    assert fetched(tmp_path) == CONTENT
    assert site.requests[TRAIN] == 5
    if knows_ranges:
        assert site.ranges == ["bytes=30000-", "bytes=60000-"]


def test_a_run_that_gave_up_goes_on(fetch: Run, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = NAMES[-1]
    site.faults = {last: ["cut", *["500"] * 4]}
    assert fetch(*EXPECTED) == 2
    assert f"{last}: 5 tries failed" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / last).exists()
    assert fetch(*EXPECTED) == 0
    assert fetched(tmp_path) == CONTENT
    assert site.ranges == ["bytes=30000-"] and site.requests[TRAIN] == 1


def test_a_leftover_that_is_no_beginning(fetch: Run, site: Site, tmp_path: Path) -> None:
    (tmp_path / f".{TRAIN}.part").write_bytes(b"x" * 10**6)
    assert fetch(*EXPECTED) == 0
    assert fetched(tmp_path) == CONTENT


def test_files_that_the_server_does_not_have(
    fetch: Run, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del site.files["EPIC_100_tail_nouns.csv"]
    assert fetch(*EXPECTED) == 2
    assert "EPIC_100_tail_nouns.csv: the server answers 404" in " ".join(capsys.readouterr().err.split())
    assert site.requests["EPIC_100_tail_nouns.csv"] == 1


def test_other_content_is_refused_and_removed(
    fetch: Run, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files[TRAIN] = b"<html>sign in</html>"
    assert fetch(*EXPECTED) == 2
    assert f"{TRAIN}: what was fetched has SHA-256" in " ".join(capsys.readouterr().err.split())
    assert fetched(tmp_path) == {}


def test_hashes_that_are_not_known_are_recorded(
    fetch: Run, site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fetch() == 0
    assert "its hash was not known beforehand and stands in checksums.json now" in capsys.readouterr().out
    (tmp_path / TRAIN).write_bytes(b"changed")
    assert fetch() == 2
    assert "remove it to fetch it again" in " ".join(capsys.readouterr().err.split())
    (tmp_path / "checksums.json").unlink()
    assert fetch() == 2
    assert "nothing tells whether it is whole" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("word", ["EPIC_100_train.csv=abc", "other.csv=" + 64 * "a", "x"])
def test_wrong_expectations(fetch: Run, capsys: pytest.CaptureFixture[str], word: str) -> None:
    assert fetch("--expect", word) == 2
    assert "must be NAME=SHA256" in " ".join(capsys.readouterr().err.split())


def test_other_addresses(run_script: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("fetch_annotations", tmp_path, "--base-url", f"file://{tmp_path}") == 2
    assert "not an address of the web" in " ".join(capsys.readouterr().err.split())


def test_from_a_folder(run_script: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "clone", tmp_path / "EK100"
    source.mkdir()
    for name, data in CONTENT.items():
        (source / name).write_bytes(data)
    assert run_script("fetch_annotations", target, "--from", source, *EXPECTED) == 0
    assert fetched(target) == CONTENT
    (source / TRAIN).unlink()
    assert run_script("fetch_annotations", tmp_path / "other", "--from", source, *EXPECTED) == 2
    assert f"{TRAIN}: no such file" in " ".join(capsys.readouterr().err.split())


def test_the_hashes_are_those_of_the_real_files(shared: Path) -> None:
    script = load_script("fetch_annotations")
    assert len(script.COMMIT) == 40
    checked = 0
    for name, digest in script.FILES.items():
        path = shared / "data" / "ek100" / name
        if path.exists():
            assert file_sha256(path) == digest
            checked += 1
    assert checked == len(script.FILES) - 1  # all but the training segments
