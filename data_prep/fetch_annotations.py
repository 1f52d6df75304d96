"""Fetch the EPIC-KITCHENS-100 annotations, checked by their SHA-256. Run the same command again after a stop.

    python data_prep/fetch_annotations.py EK100
    python data_prep/fetch_annotations.py EK100 --from epic-kitchens-100-annotations    (a clone, where there is no net)

Licence of the annotations: CC BY-NC 4.0, see their LICENSE.txt.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llavaction.utils.console import console, output
from llavaction.utils.errors import ConfigError, DataError, LlavactionError
from llavaction.utils.hashing import file_sha256
from llavaction.utils.jsonl import read_json, write_json

REPOSITORY = "https://raw.githubusercontent.com/epic-kitchens/epic-kitchens-100-annotations"
COMMIT = "ea8b40457a400c3fffa1c7f406ef3dc169cc2522"
RECORD_FILE = "checksums.json"

FILES = {
    # The other hashes were computed from the files; this one is what others publish of the same commit.
    "EPIC_100_train.csv": "a3a7ef2e397bd8af12bd0496b09d61b1f2c1f3f6e1726fa86af50a27f4855e87",
    "EPIC_100_validation.csv": "35f7932ba0a1127a96cac215a98d35398946f343e3cea9ad6688ed17eee9d75d",
    "EPIC_100_verb_classes.csv": "aab8bf210d0234b6facb9b191ae402c03a5f8965d123586b4762d3468a85033e",
    "EPIC_100_noun_classes.csv": "40f0a81c5bd06b33050df9f0bd17cd3c2fccd759f9581e4e5e04fec7562be893",
    "EPIC_100_noun_classes_v2.csv": "f36a1ba474c52ff505f25ca68854a44085e170d791e167ac9f15835f9fae4fbd",
    "EPIC_100_tail_verbs.csv": "6f124f23759b2bfaa742e071619d78a08b5d2f80147db9919c612c72c9774c94",
    "EPIC_100_tail_nouns.csv": "62e3449a7a95fdcb43bc2eaa52a191844f4a566ff1178d2c867b0c0822387266",
    "EPIC_100_unseen_participant_ids_validation.csv": (
        "1274797112b20dd821cd10f62537545e669c4b7d742e36590e9f0f7ffb0c6a54"
    ),
    "EPIC_100_video_info.csv": "75fd040f6662cb407b4ca2eed4811ca94df280a1aba00b6bf8a5cd286deff382",
}
"""SHA-256 of each file at `COMMIT`."""

NUM_TRIES = 5
TIMEOUT_S = 30.0
BLOCK = 1 << 16


class CutOffError(Exception):
    """The connection ended before the file did."""


@dataclass(frozen=True)
class Origin:
    """Where files come from: a folder, or the address `base_url`/`ref`/NAME."""

    folder: Path | None
    base_url: str
    ref: str
    pause_s: float

    def get(self, name: str, part: Path) -> None:
        """Write a file to `part`.

        Raises:
            DataError: when it cannot be had.
        """
        if self.folder is None:
            download(f"{self.base_url.rstrip('/')}/{self.ref}/{name}", part, self.pause_s)
        elif (source := self.folder / name).is_file():
            shutil.copyfile(source, part)
        else:
            raise DataError(f"{source}: no such file; give the folder of a complete clone")


def main() -> int:
    """Fetch all files that are not there yet."""
    options = parse_options()
    try:
        expected = expected_hashes(options.ref, options.expect)
        origin = Origin(options.source, options.base_url, options.ref, options.pause_s)
        fetch_all(options.folder, expected, origin)
    except LlavactionError as error:
        console.print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    output.print("EPIC-KITCHENS-100 annotations, (c) the EPIC-KITCHENS team, CC BY-NC 4.0: no commercial use, and cite")
    output.print("Damen et al., Rescaling Egocentric Vision, IJCV 2022 (https://epic-kitchens.github.io).")
    return 0


def expected_hashes(ref: str, given: list[str]) -> dict[str, str | None]:
    """The SHA-256 that each file must have, or None where it is not known.

    Raises:
        ConfigError: when one of `given` is not NAME=SHA256.
    """
    expected = {name: known if ref == COMMIT else None for name, known in FILES.items()}
    for text in given:
        name, _, digest = text.partition("=")
        if name not in FILES or len(digest) != 64 or set(digest.lower()) - set("0123456789abcdef"):
            raise ConfigError(f"--expect {text!r} must be NAME=SHA256 with a name of {', '.join(FILES)}")
        expected[name] = digest.lower()
    return expected


def fetch_all(folder: Path, expected: Mapping[str, str | None], origin: Origin) -> None:
    """Fetch, check and record every file; those that are there already are only checked.

    Raises:
        DataError: when a file cannot be had, or is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RECORD_FILE
    recorded: dict[str, str] = read_json(record) if record.exists() else {}
    for name, known in expected.items():
        path = folder / name
        if path.exists():
            keep(path, known, recorded.get(name))
            continue
        part = folder / f".{name}.part"
        origin.get(name, part)
        digest = check(part, name, known)
        part.replace(path)
        # After each file, so that a run that is stopped knows what it has.
        recorded[name] = digest
        write_json(record, recorded)
        remark = "" if known else f"; its hash was not known beforehand and stands in {RECORD_FILE} now: {digest}"
        output.print(f"{path}: {path.stat().st_size:,} bytes{remark}")


def keep(path: Path, known: str | None, recorded: str | None) -> None:
    """Check a file that is there already.

    Raises:
        DataError: when it is another one than expected or recorded, or nothing tells which it should be.
    """
    if known is None and recorded is None:
        raise DataError(
            f"{path}: is there, but nothing tells whether it is whole; remove it, or give its hash with "
            f"--expect {path.name}=SHA256"
        )
    if (digest := file_sha256(path)) != (known or recorded):
        raise DataError(f"{path}: has SHA-256 {digest}, expected {known or recorded}; remove it to fetch it again")
    output.print(f"{path}: is there")


def check(part: Path, name: str, known: str | None) -> str:
    """The SHA-256 of what was fetched; it is removed when it is wrong.

    Raises:
        DataError: when it has another hash than it should.
    """
    digest = file_sha256(part)
    if known not in (None, digest):
        part.unlink()
        raise DataError(
            f"{name}: what was fetched has SHA-256 {digest}, expected {known}; check the address, or pass --expect "
            "for another edition"
        )
    return digest


def download(url: str, part: Path, pause_s: float) -> None:
    """Fetch a file, going on where an earlier try ended.

    Raises:
        DataError: when the server does not have it, or every try failed.
    """
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url}: not an address of the web")
    reason: Exception | None = None
    for attempt in range(NUM_TRIES):
        if attempt:
            console.print(f"{url}: {reason}; trying again ({attempt + 1} of {NUM_TRIES})", markup=False)
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            _continue(url, part)
            return
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                part.unlink()  # what is there is not the beginning of this file
            elif error.code < http.client.INTERNAL_SERVER_ERROR and error.code != http.client.TOO_MANY_REQUESTS:
                raise DataError(f"{url}: the server answers {error.code} {error.reason}; check --base-url") from None
            reason = error
        except (OSError, http.client.HTTPException, CutOffError) as error:
            reason = error
    raise DataError(f"{url}: {NUM_TRIES} tries failed, the last one with: {reason}; run again to go on")


def _continue(url: str, part: Path) -> None:
    """One try: ask for what is missing, and append it."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        # A server that does not know ranges answers 200 and begins anew.
        goes_on = response.status == http.client.PARTIAL_CONTENT
        length = response.headers.get("Content-Length")
        received = 0
        with part.open("ab" if goes_on else "wb") as file:
            while block := response.read(BLOCK):
                file.write(block)
                received += len(block)
    if length is not None and received < int(length):
        raise CutOffError(f"cut off after {received} of {length} bytes")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder to fill")
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="copy from here instead")
    parser.add_argument("--base-url", default=REPOSITORY, help="address before the commit (%(default)s)")
    parser.add_argument("--ref", default=COMMIT, help="commit; hashes are known for %(default)s only")
    parser.add_argument(
        "--expect", action="append", default=[], metavar="NAME=SHA256", help="hash a file must have; may be repeated"
    )
    parser.add_argument("--pause-s", type=float, default=1.0, help="before the second try; doubles (%(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
