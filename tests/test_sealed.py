"""Sealed files and keys: only the recipient opens them, and a changed byte is refused."""

from __future__ import annotations

import random

import pytest

from linkage.errors import InputError, LinkageError
from linkage.io import read_encodings, write_encodings
from linkage.io.encoded import encodings_writer
from linkage.io.sealed import new_identity
from tests.command import BAD_INPUT, DONE, MISMATCH, USAGE, did, refused
from tests.samples import people
from tests.test_io import assert_same


@pytest.fixture
def linker(tmp_path):
    text, recipient = new_identity()
    (tmp_path / "linker.identity").write_text(text)
    encodings = people(20, 1, "a")
    with encodings_writer(tmp_path / "a.enc.parquet", [recipient]) as writer:
        writer.write(encodings)
    return tmp_path, encodings, recipient


def test_sealed__is_opened_by_its_recipient(linker):
    folder, encodings, _ = linker
    found = read_encodings(folder / "a.enc.parquet", folder / "linker.identity")
    assert_same(encodings, found)
    raw = (folder / "a.enc.parquet").read_bytes()
    assert raw.startswith(b"age-encryption.org/v1")
    assert b"schema_digest" not in raw
    assert b"PAR1" not in raw
    assert sorted(one.name for one in folder.iterdir()) == ["a.enc.parquet", "linker.identity"]


def test_sealed__any_changed_byte_is_refused(linker):
    folder, _, _ = linker
    path = folder / "a.enc.parquet"
    raw = path.read_bytes()
    places = random.Random(1).sample(range(22, len(raw)), 150)
    for place in places:
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(LinkageError):
            read_encodings(path, folder / "linker.identity")
    for cut in (30, len(raw) // 2, len(raw) - 1):
        path.write_bytes(raw[:cut])
        with pytest.raises(InputError):
            read_encodings(path, folder / "linker.identity")


def test_inspect__says_what_is_missing(linker):
    folder, _, _ = linker
    (folder / "other.identity").write_text(new_identity()[0])
    (folder / "no.identity").write_text("nothing\n")
    for options, code, says in (
        ((), USAGE, ("a.enc.parquet is sealed", "--identity")),
        (("--identity", "other.identity"), MISMATCH, ("sealed for somebody else",)),
        (("--identity", "no.identity"), BAD_INPUT, ("no.identity", "not an age identity")),
    ):
        refused("inspect", "a.enc.parquet", *options, cwd=folder, code=code, says=says)


def test_write_encodings__is_not_sealed_by_itself(tmp_path):
    write_encodings(people(5, 1, "a"), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").read_bytes().startswith(b"PAR1")


def test_story__sealed_from_key_to_results(world, tmp_path):
    for name in ("linker", "court"):
        did("keygen", "--as-identity", "-o", f"{name}.identity", cwd=tmp_path)
    recipients = {
        name: (tmp_path / f"{name}.identity").read_text().split()[3] for name in ("linker", "court")
    }
    (tmp_path / "linker.txt").write_text(f"# the linker\n{recipients['linker']}\n")
    did("keygen", "-o", "police.key", "--recipient", recipients["court"], cwd=tmp_path)
    opened = ("--from", "police.key.age", "--identity", "court.identity")
    did("keygen", *opened, "-o", "court.key", cwd=tmp_path)
    assert (tmp_path / "court.key").read_text() == (tmp_path / "police.key").read_text()
    assert oct((tmp_path / "court.key").stat().st_mode & 0o777) == "0o600"
    assert oct((tmp_path / "court.identity").stat().st_mode & 0o777) == "0o600"
    secret = (tmp_path / "police.key").read_text().split()[1].encode()
    assert secret not in (tmp_path / "police.key.age").read_bytes()
    for name in ("police", "court"):
        did("encode", world.raw / f"{name}.csv", "--schema", world.field / "schema.toml",
            "--key", f"{name}.key", "--recipient", "linker.txt", "-o", f"{name}.enc.parquet",
            cwd=tmp_path)  # fmt: skip
    files = ("police.enc.parquet", "court.enc.parquet")
    did("link", *files, "--identity", "linker.identity", "-o", "results", cwd=tmp_path)
    said = did("evaluate", "results", "--truth", world.raw / "truth.csv", "--ids",
               "police=police.ids.parquet", "--ids", "court=court.ids.parquet", "--identity",
               "linker.identity", cwd=tmp_path)  # fmt: skip
    assert "pairs completeness" in said.out


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--recipient", "age1xyz"), USAGE, ("mistyped",)),
        (("--recipient", "nobody.txt"), USAGE, ("nobody.txt", "no such file")),
        (("--from", "police.key"), USAGE, ("--identity",)),
        (("--as-identity", "--recipient", "age1xyz"), USAGE, ("--as-identity",)),
    ],
)
def test_keygen__refuses(tmp_path, options, code, says):
    (tmp_path / "police.key").write_text("x")
    refused("keygen", *options, "-o", "new.key", cwd=tmp_path, code=code, says=says)
    assert [one.name for one in tmp_path.iterdir()] == ["police.key"]


def test_encode__refuses_a_mistyped_recipient_before_any_work(world, tmp_path):
    common = ("--schema", world.field / "schema.toml", "--key", world.key, "--recipient", "age1q")
    refused("encode", world.raw / "court.csv", *common, "-o", "c.parquet", cwd=tmp_path,
            code=USAGE, says=("mistyped",))  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_encode__takes_the_key_from_a_pipe(world, tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "linkage", "encode", str(world.raw / "court.csv"), "--schema",
               str(world.field / "schema.toml"), "--key", "/dev/stdin",
               "-o", "c.parquet"]  # fmt: skip
    with open(world.key, "rb") as key:
        done = subprocess.run(["cat"], stdin=key, capture_output=True, check=True)
    piped = subprocess.run(command, input=done.stdout, cwd=tmp_path, capture_output=True)
    assert piped.returncode == DONE, piped.stderr
    assert read_encodings(tmp_path / "c.parquet").key_fingerprint
