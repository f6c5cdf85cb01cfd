"""No raw identifier and no key material gets to the linker, to a message, or out of a file mode.

Every value is looked for in the bytes of every file that `link` reads or writes, in the decoded
columns of those files (Parquet may compress), and in all that any command says.
"""

from __future__ import annotations

import base64
import copy
import csv
import datetime
import os
import pickle
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from linkage.agency.keys import ProjectKey
from tests.command import (
    AGENCIES,
    BAD_INPUT,
    DONE,
    FAILED,
    USAGE,
    Result,
    contents,
    did,
    python,
    run,
)

LEAST_LENGTH = 5
NAME_PARTS = re.compile(r"[^\W\d_]+")
NAMES = {
    "forename", "first_name", "given_name", "middle_names", "middle_name", "surname", "last_name",
    "family_name",
}  # fmt: skip
IDENTIFYING = NAMES | {
    "record_id", "dob", "date_of_birth", "birth_date", "postcode", "post_code", "address", "pnc",
    "cro", "noms_number",
}  # fmt: skip
#: Words that dirty cells hold instead of a name, or before one; the commands use them too.
DIRT = {"unknown", "duplicate", "error", "entered", "stated", "recorded"}
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%d-%b-%Y", "%Y%m%d", "%d%m%Y", "%d.%m.%Y", "%d %b %Y", "%m/%d/%Y")


@dataclass(frozen=True)
class Story:
    """One whole run: the folder, what the commands said, and the key's own bytes."""

    folder: Path
    said: tuple[Result, ...]
    secret: bytes

    def linker_files(self) -> list[Path]:
        encoded = [self.folder / f"{name}.enc.parquet" for name in AGENCIES]
        return [*encoded, *sorted((self.folder / "results").iterdir())]


@pytest.fixture(scope="module")
def story(world, tmp_path_factory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    raw = {name: world.raw / f"{name}.csv" for name in AGENCIES}
    said = [did("keygen", "-v", "-o", "project.key", cwd=folder)]
    said.append(did("schema", "init", *raw.values(), "-v", "-o", "schema.toml", cwd=folder))
    said.append(did("schema", "check", "schema.toml", "--json", cwd=folder))
    for name, file in raw.items():
        options = ("--schema", "schema.toml", "--key", "project.key", "--dataset", name, "-v")
        said.append(did("encode", file, *options, "-o", f"{name}.enc.parquet", cwd=folder))
        said.append(did("inspect", f"{name}.enc.parquet", "--json", cwd=folder))
    encoded = [f"{name}.enc.parquet" for name in AGENCIES]
    said.append(did("link", *encoded, "-v", "-o", "results", cwd=folder))
    ids = [part for name in AGENCIES for part in ("--ids", f"{name}={name}.ids.parquet")]
    truth = world.raw / "truth.csv"
    said.append(did("evaluate", "results", "--truth", truth, *ids, "--json", cwd=folder))
    _, _, text = (folder / "project.key").read_text().strip().partition(" ")
    return Story(folder, tuple(said), base64.b64decode(text))


@pytest.fixture(scope="module")
def identifiers(world) -> frozenset[str]:
    """Every identifying value of the raw files, in every form in which it might show."""
    found: set[str] = set()
    for name in AGENCIES:
        with open(world.raw / f"{name}.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for column in IDENTIFYING & row.keys():
                    found |= forms(row[column])
                for column in NAMES & row.keys():
                    found |= set().union(*map(forms, NAME_PARTS.findall(row[column])))
    assert len(found) > 3000
    return frozenset(one for one in found if len(one) >= LEAST_LENGTH and one.lower() not in DIRT)


def forms(value: str) -> set[str]:
    made = {value, re.sub("[ /]", "", value)}
    for date_format in DATES[:3]:
        try:
            date = datetime.datetime.strptime(value, date_format).date()
        except ValueError:
            continue
        made |= {date.strftime(one) for one in DATES}
    return made | {one.upper() for one in made} | {one.lower() for one in made}


def shown(values: frozenset[str], text: str) -> list[str]:
    """Give the values that a text holds. One that may be chance in a longer hex number isn't."""
    starts = {text[place : place + LEAST_LENGTH] for place in range(len(text))}
    found = []
    for value in values:
        if value[:LEAST_LENGTH] not in starts or value not in text:
            continue
        if re.fullmatch("[0-9a-fA-F]+", value):
            if re.search(rf"(?<![0-9a-fA-F.]){value}(?![0-9a-fA-F])", text):
                found.append(value)
        else:
            found.append(value)
    return sorted(found)


def texts_of(file: Path) -> list[str]:
    """Give a file's bytes as text and, for Parquet, its metadata and decoded cells too."""
    texts = [file.read_bytes().decode("latin-1")]
    if file.suffix == ".parquet":
        whole = pq.read_table(file)
        for name in whole.column_names:
            cells = [
                cell.decode("latin-1") if isinstance(cell, bytes) else str(cell)
                for cell in whole[name].to_pylist()
            ]
            texts.append("\n".join([name, *cells]))
        metadata = pq.ParquetFile(file).metadata.metadata or {}
        texts += [text.decode("latin-1") for text in metadata.values()]
    return texts


def key_forms(secret: bytes) -> frozenset[str]:
    """Give a secret in the forms in which it might be written: raw, hex, base64."""
    made = {secret.decode("latin-1"), secret.hex(), secret.hex().upper()}
    for encode in (base64.b64encode, base64.urlsafe_b64encode, base64.b32encode):
        made.add(encode(secret).decode().rstrip("="))
    return frozenset(made | {one[: len(one) // 2] for one in made})


def all_secrets(story: Story) -> frozenset[str]:
    """Give all forms of the project key and of the keys that are derived from it."""
    key = ProjectKey(story.secret)
    uses = [("fingerprint", ""), ("field", "surname"), ("field", "dob"), ("pass", "dob")]
    derived = [key_forms(key.derive(*use)) for use in uses]
    return key_forms(story.secret).union(*derived)


def test_search__finds_what_is_there(world, story, identifiers):
    for name in AGENCIES:
        raw = "".join(texts_of(world.raw / f"{name}.csv"))
        assert len(shown(identifiers, raw)) > 300
        own = "".join(texts_of(story.folder / f"{name}.ids.parquet"))
        assert len(shown(identifiers, own)) > 100
    assert shown(all_secrets(story), (story.folder / "project.key").read_text())


def test_linker_files__hold_no_raw_identifier(story, identifiers):
    for file in story.linker_files():
        for text in texts_of(file):
            assert shown(identifiers, text) == [], file.name


def test_linker_files__hold_no_key(story):
    secrets = all_secrets(story)
    for file in [*story.linker_files(), story.folder / "schema.toml"]:
        for text in texts_of(file):
            assert shown(secrets, text) == [], file.name


def test_schema__holds_no_raw_identifier(story, identifiers):
    assert shown(identifiers, (story.folder / "schema.toml").read_text()) == []


def test_commands__say_no_raw_identifier_and_no_key(story, identifiers):
    for result in story.said:
        assert shown(identifiers | all_secrets(story), result.out + result.err) == []


def test_ids_tables__hold_no_key(story):
    for name in AGENCIES:
        for text in texts_of(story.folder / f"{name}.ids.parquet"):
            assert shown(all_secrets(story), text) == []


def test_encode__gives_fresh_pseudonyms_in_an_order_of_their_own(world, story, tmp_path):
    ids = pq.read_table(story.folder / "police.ids.parquet")
    pseudonyms, own = ids["record"].to_pylist(), ids["record_id"].to_pylist()
    assert all(re.fullmatch("[0-9a-f]{20}", one) for one in pseudonyms)
    with open(world.raw / "police.csv", encoding="utf-8", newline="") as file:
        raw = [row["record_id"] for row in csv.DictReader(file)]
    assert sorted(own) == sorted(raw)
    assert own != raw
    encoded = pq.read_table(story.folder / "police.enc.parquet")["record"].to_pylist()
    assert encoded == sorted(encoded)
    again = encode(world.raw / "police.csv", story, tmp_path / "again.enc.parquet")
    assert again.code == DONE, again
    others = pq.read_table(tmp_path / "again.ids.parquet")["record"].to_pylist()
    assert not set(others) & set(pseudonyms)


def encode(file: Path, story: Story, output: Path, *options: str) -> Result:
    common = ("--schema", story.folder / "schema.toml", "--key", story.folder / "project.key")
    return run("encode", file, *common, "-o", output, *options, cwd=output.parent)


HEADER = "record_id,forename,surname,dob,sex,postcode,pnc\n"
GOOD = "OWN-4711,Zebedee,Quillfeather,1976-04-22,M,DN18 6GW,1999/4343002K\n"
TELLING = ("OWN-4711", "Zebedee", "Quillfeather", "1976-04-22", "DN18 6GW", "1999/4343002K")
BAD_ROWS = {
    "id twice": HEADER + GOOD + GOOD,
    "id missing": HEADER + GOOD.replace("OWN-4711", ""),
    "id too long": HEADER + GOOD.replace("OWN-4711", "OWN-4711" * 30),
    "id of two lines": HEADER + GOOD.replace("OWN-4711", '"OWN-4711\nb"'),
    "cell too many": HEADER + GOOD + GOOD.replace("OWN", "NEW").replace("\n", ",1\n"),
    "cell too few": HEADER + GOOD + GOOD.replace(",M", "").replace("OWN", "NEW"),
    "not UTF-8": HEADER + GOOD + GOOD.replace("Zebedee", "Zebed\xe9e"),
    "NUL": HEADER + GOOD + GOOD.replace("Zebedee", "Zebedee\0"),
    "open quote": HEADER + GOOD + GOOD.replace("Zebedee", '"Zebedee'),
    "no header": GOOD + GOOD,
    "column missing": HEADER.replace("dob", "born_on_day") + GOOD,
}


@pytest.mark.parametrize("case", BAD_ROWS)
@pytest.mark.parametrize("options", [(), ("-v", "--log-format", "json")], ids=["text", "json"])
def test_encode__shows_nothing_of_a_bad_row(story, tmp_path, case, options):
    file = tmp_path / "police.csv"
    file.write_bytes(BAD_ROWS[case].encode("latin-1"))
    failed = encode(file, story, tmp_path / "out.enc.parquet", *options)
    assert failed.code == BAD_INPUT, failed
    assert [one for one in TELLING if one in failed.err + failed.out] == []
    assert [one.name for one in tmp_path.iterdir()] == ["police.csv"]


def test_schema_init__shows_nothing_of_a_file_without_header(tmp_path):
    (tmp_path / "police.csv").write_text(GOOD + GOOD)
    failed = run("schema", "init", "police.csv", "-o", "schema.toml", cwd=tmp_path)
    assert failed.code == BAD_INPUT, failed
    assert [one for one in TELLING if one in failed.err + failed.out] == []
    assert [one.name for one in tmp_path.iterdir()] == ["police.csv"]


def test_encode__shows_nothing_when_it_breaks(story, tmp_path, monkeypatch):
    def break_down(*_: object) -> None:
        raise RuntimeError(f"Quillfeather {story.secret!r} {story.secret.hex()}")

    monkeypatch.setattr("linkage.agency.encode._normalised", break_down)
    (tmp_path / "police.csv").write_text(HEADER + GOOD)
    failed = encode(tmp_path / "police.csv", story, tmp_path / "out.enc.parquet")
    assert failed.code == FAILED
    assert "Quillfeather" not in failed.err
    assert story.secret.hex() not in failed.err
    assert "Traceback" not in failed.err
    assert [one.name for one in tmp_path.iterdir()] == ["police.csv"]


STOPPED = """
import os, signal, sys
from linkage.agency import encode
from linkage.cli import main
normalised, wanted = encode._normalised, sys.argv[1]
def stop(*args):
    os.kill(os.getpid(), getattr(signal, wanted))
    return normalised(*args)
encode._normalised = stop
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv[1:] = sys.argv[2:]
main.main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")
@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_encode__leaves_no_draft_when_it_is_stopped(agency, signal):
    before = contents(agency)
    options = ("--schema", "schema.toml", "--key", "project.key", "-o", "out.enc.parquet")
    stopped = python("-c", STOPPED, signal, "encode", "police.csv", *options, cwd=agency)
    assert stopped.code != DONE
    assert "Traceback" not in stopped.err
    assert contents(agency) == before  # a draft of the ids table would hold own record ids


@pytest.mark.parametrize("spoilt", [slice(0, 40), slice(5, None), slice(14, None)])
def test_encode__shows_nothing_of_a_bad_key_file(world, story, tmp_path, spoilt):
    text = (story.folder / "project.key").read_text()
    key = tmp_path / "bad.key"
    key.write_text(text[spoilt])
    key.chmod(0o600)
    common = ("--schema", story.folder / "schema.toml", "--key", key, "-o", "out.enc.parquet")
    failed = run("encode", world.raw / "police.csv", *common, cwd=tmp_path)
    assert failed.code == BAD_INPUT, failed
    assert not any(part in failed.err for part in (text[14:24], text[30:38]))
    assert [one.name for one in tmp_path.iterdir()] == ["bad.key"]


def test_schema_check__shows_nothing_of_a_key_given_for_a_schema(story, tmp_path):
    failed = run("schema", "check", story.folder / "project.key", cwd=tmp_path)
    assert failed.code == BAD_INPUT
    assert shown(all_secrets(story), failed.err) == []


def test_project_key__never_shows_its_secret(story):
    key = ProjectKey(story.secret)
    for text in (repr(key), str(key), f"{key}", f"{key!r:>99}", f"{[key]}", f"{ {'k': key} }"):
        assert key.fingerprint() in text
        assert shown(all_secrets(story), text) == []
    assert not hasattr(key, "__dict__")
    for escape in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            escape(key)


@pytest.mark.skipif(os.name != "posix", reason="file modes are a matter of POSIX")
def test_secret_files__are_readable_by_their_owner_alone(story, tmp_path):
    before = os.umask(0)
    try:
        did("keygen", "-o", "open.key", cwd=tmp_path)
        (tmp_path / "police.csv").write_text(HEADER + GOOD)
        made = encode(tmp_path / "police.csv", story, tmp_path / "out.enc.parquet")
    finally:
        os.umask(before)
    assert made.code == DONE, made
    for name in ("open.key", "out.ids.parquet"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_keygen__never_overwrites_and_never_repeats(tmp_path):
    did("keygen", "-o", "one.key", cwd=tmp_path)
    first = (tmp_path / "one.key").read_bytes()
    (tmp_path / "link.key").symlink_to(tmp_path / "absent.key")
    for name in ("one.key", "link.key"):
        failed = run("keygen", "-o", name, cwd=tmp_path)
        assert failed.code == USAGE
        assert f"{name} exists" in failed.err
    assert (tmp_path / "one.key").read_bytes() == first
    assert not (tmp_path / "absent.key").exists()
    did("keygen", "-o", "two.key", cwd=tmp_path)
    assert (tmp_path / "two.key").read_bytes() != first
