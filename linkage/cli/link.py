"""The command `link`, and what it shows and writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from linkage.cli.console import (
    EXISTING_FILE,
    NEW_PATH,
    Bytes,
    Share,
    console,
    print_json,
    print_table,
    shared_options,
)
from linkage.cli.planned import read_files, show_plan

if TYPE_CHECKING:
    from linkage.engine.local import LinkResult
    from linkage.linker.block import Blocking
    from linkage.model import Encodings


def _caps(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, int]:
    """Read `ROWS` for all passes, or `PASS=ROWS` for one."""
    caps = {}
    for one in given:
        name, _, rows = one.rpartition("=")
        if not rows.isdecimal() or not 0 < int(rows) < 1 << 31:
            raise click.BadParameter(f"{one!r}: write ROWS or PASS=ROWS, a whole number from 1")
        caps[name] = int(rows)
    return caps


def _names(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...] | None:
    """Read `auto`, `none`, or names with commas between them."""
    if given == "auto":
        return None
    return () if given == "none" else tuple(given.split(","))


@click.command()
@click.argument("files", type=EXISTING_FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=NEW_PATH, help="The results folder to make.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what the run would do; link nothing.")
@click.option("--identity", type=EXISTING_FILE, help="Your identity, for sealed files.")
@click.option(
    "--threshold", type=Share(), help="Dice of a link, as of plain filters (record level)."
)
@click.option(
    "--probability",
    type=Share(ends=False),
    help="Match probability of a link (field level).",
)
@click.option(
    "--assignment",
    type=click.Choice(["many-to-many", "best", "greedy", "optimal"]),
    default="many-to-many",
    show_default=True,
    help="One-to-one (the last three) only where every data set has one record a person.",
)
@click.option(
    "--one-record-a-person",
    "single",
    metavar="auto|none|NAMES",
    default="auto",
    show_default=True,
    callback=_names,
    help="Data sets with one record a person, as police,court: found out, none, or these.",
)
@click.option(
    "--persons",
    "clustering",
    type=click.Choice(["correlation", "strong-first", "components", "star"]),
    default="correlation",
    show_default=True,
    help="How links join records to persons.",
)
@click.option(
    "--weakest-tie",
    type=Share(),
    default=0.0,
    help="Links below this join no two persons of several records each; they are counted.",
)
@click.option(
    "--twins-apart", is_flag=True, help="Never join records that agree on all but the forename."
)
@click.option("--model", type=EXISTING_FILE, help="A model.json to use instead of training one.")
@click.option("--labels", type=EXISTING_FILE, help="Pairs known to match, to learn the model from.")
@click.option("--decisions", type=EXISTING_FILE, help="Reviewed pairs, with a column decision.")
@click.option("--deduplicate", is_flag=True, help="Link records within each data set too.")
@click.option(
    "--blocking",
    type=click.Choice(["tokens", "lsh", "all-pairs"]),
    default="tokens",
    show_default=True,
    help="Candidate pairs: by the files' keyed tokens, by Hamming LSH over their bits, or all.",
)
@click.option("--lsh-distance", type=Share(ends=False), help="LSH: share of bits that may differ.")
@click.option("--lsh-completeness", type=Share(ends=False), help="LSH: share of those to be found.")
@click.option("--lsh-bits", type=click.IntRange(1, 62), help="LSH: bits sampled for a key.")
@click.option(
    "--largest-block",
    multiple=True,
    metavar="[PASS=]ROWS",
    callback=_caps,
    help="Leave larger blocks out, of all passes or of one; repeatable.",
)
@click.option(
    "--disclose",
    type=click.Choice(["full", "minimal"]),
    default="full",
    show_default=True,
    help="Minimal: write person ids only; no pairs, scores, confidence or model.",
)
@click.option("--engine", type=click.Choice(["local"]), default="local", help="Where to compute.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads; all cores if not given.")
@click.option("--memory-limit", type=Bytes(), help="Most memory, as 4G; found pairs go to disk.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of samples."
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@shared_options
def link(
    files: tuple[Path, ...],
    output: Path | None,
    only_plan: bool,
    identity: Path | None,
    threshold: float | None,
    probability: float | None,
    assignment: Any,
    single: tuple[str, ...] | None,
    clustering: Any,
    weakest_tie: float,
    twins_apart: bool,
    model: Path | None,
    labels: Path | None,
    decisions: Path | None,
    deduplicate: bool,
    blocking: Any,
    lsh_distance: float | None,
    lsh_completeness: float | None,
    lsh_bits: int | None,
    largest_block: dict[str, int],
    disclose: str,
    engine: str,
    threads: int | None,
    memory_limit: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Link the encoded files of two or more agencies.

    Writes a results folder: all links, pairs to review, persons, one file for each agency with
    its own records only, and a manifest of the run.

    \b
    Example: linkage link police.enc.parquet court.enc.parquet prison.enc.parquet -o results/
    """
    from linkage.errors import UsageError
    from linkage.io.outputs import check_output
    from linkage.linker.block import Blocking
    from linkage.linker.lsh import HammingLsh

    given = {"distance": lsh_distance, "completeness": lsh_completeness, "bits": lsh_bits}
    asked: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
    if asked and blocking != "lsh":
        raise UsageError("--lsh-distance, --lsh-completeness and --lsh-bits need --blocking lsh")
    how = Blocking(blocking, HammingLsh(**asked), largest_block)
    chosen = {"threshold": threshold, "probability": probability, "single": single}
    settings = {"deduplicate": deduplicate, "blocking": how, "threads": threads, "seed": seed}
    if only_plan:
        show_plan(read_files(files, identity), chosen, settings, as_json)
        return
    if output is None:
        raise UsageError("say where to: -o FOLDER (or --plan, to link nothing)")
    check_output(output, files, folder=True)
    budget = _budget(files, identity, memory_limit)
    encodings = read_files(files, identity)
    tables = _tables(encodings, model, labels, decisions)
    more = {"assignment": assignment, "clustering": clustering, "weakest_tie": weakest_tie}
    more["twins_apart"] = twins_apart
    _run(files, output, encodings, chosen | settings | tables | more | budget, disclose, as_json)


def _tables(
    encodings: list[Encodings], model: Path | None, labels: Path | None, decisions: Path | None
) -> dict[str, Any]:
    """Read what people have decided or know, and the model of an earlier run."""
    from linkage.io.decisions import read_decisions

    return {
        "model": None if model is None else _model(model, encodings[0]),
        "labels": [] if labels is None else read_decisions(labels, encodings, all_match=True),
        "decided": [] if decisions is None else read_decisions(decisions, encodings),
    }


def _model(path: Path, encodings: Encodings) -> object:
    """Read a model, and name its file should it not fit the encodings."""
    from linkage.errors import LinkageError
    from linkage.io.results import read_model
    from linkage.linker.levels import levels_of
    from linkage.linker.saved import model_of

    content = read_model(path)
    if encodings.schema.level == "field":
        try:
            model_of(content, levels_of(encodings), encodings.schema.digest())
        except LinkageError as error:
            raise type(error)(f"{path}: {error}") from None
    return content


def _budget(
    files: tuple[Path, ...], identity: Path | None, memory_limit: int | None
) -> dict[str, Any]:
    """Check the limit against the sizes that the files tell, before any is read."""
    from linkage.io.encoded import read_manifest
    from linkage.linker.memory import Size, hold_to, pairs_budget

    if memory_limit is None:
        return {}
    known = [file for file in files if file.suffix.lower() != ".json"]
    sizes = [Size.of(read_manifest(file, identity)) for file in known]
    budget = pairs_budget(sizes, memory_limit)
    hold_to(memory_limit)
    return {"pairs_budget": budget}


def _run(
    files: tuple[Path, ...],
    output: Path,
    encodings: list[Encodings],
    settings: dict[str, Any],
    disclose: str,
    as_json: bool,
) -> None:
    from linkage.engine.local import link as link_encodings
    from linkage.io.results import write_results
    from linkage.linker.persons import person_ids
    from linkage.linker.reviewed import rank_for_review

    with console().progress("comparing") as progress:
        result = link_encodings(
            encodings,
            **settings,
            spill_folder=output.absolute().parent,
            progress=progress,
            release=True,
        )
    ids = person_ids(result.persons, encodings)
    manifest = _manifest(files, output, encodings, result, settings) | {"disclose": disclose}
    write_results(
        output,
        encodings,
        result.links,
        result.review,
        result.persons.person,
        ids,
        result.persons.confidence,
        manifest,
        result.model,
        result.fields,
        rank_for_review(result.review),
        minimal=disclose == "minimal",
    )
    _tell(result)
    if as_json:
        print_json(manifest)
    elif console().level:
        _print_summary(output, encodings, result)


def _tell(result: LinkResult) -> None:
    """Say what happened on the way; louder, what it cost in links."""
    for warning in result.warnings:
        console().say(f"note: {warning}")
    for one in result.passes:
        console().detail(
            f"pass {one.name}: {one.comparisons:,} comparisons, {one.found:,} found first"
        )
        if one.skipped_blocks:
            console().say(
                f"pass {one.name}: {one.skipped_blocks:,} blocks above --largest-block were left "
                f"out, {one.skipped_comparisons:,} comparisons; that lost about "
                f"{one.lost_links:,.0f} links"
            )
    for stage, seconds in result.seconds.items():
        console().detail(f"{stage}: {seconds:.1f} seconds")
    if result.spilled:
        console().detail(f"{result.spilled:,} bytes of found pairs went to disk")


def _manifest(
    files: tuple[Path, ...],
    output: Path,
    encodings: list[Encodings],
    result: LinkResult,
    settings: dict[str, Any],
) -> dict[str, Any]:
    import os
    from concurrent.futures import ThreadPoolExecutor

    from linkage.io.results import file_digest, new_manifest

    blocking: Blocking = settings["blocking"]
    names = [one.dataset for one in encodings]
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(file_digest, files))
    return new_manifest() | {
        "schema_name": encodings[0].schema.name,
        "schema_digest": encodings[0].schema.digest(),
        "key_fingerprint": encodings[0].key_fingerprint,
        "inputs": [
            {
                "dataset": one.dataset,
                "file": os.path.relpath(file, output),
                "sha256": digest,
                "rows": len(one.owner),
                "records": len(one.records),
            }
            for file, digest, one in zip(files, digests, encodings, strict=True)
        ],
        "linked": [[names[one.left_dataset], names[one.right_dataset]] for one in result.links],
        "decision": result.decision,
        "certificate": None if result.certificate is None else result.certificate.summary(),
        "warnings": list(result.warnings),
        "blocking": blocking.summary(),
        "seed": settings["seed"],
        "counts": {
            "all_pairs": result.all_pairs,
            "comparisons": sum(one.comparisons for one in result.passes),
            "links": sum(map(len, result.links)),
            "review": sum(map(len, result.review)),
            "persons": result.persons.count,
        },
        "ties": result.persons.ties,
        "passes": [vars(one) for one in result.passes],
        "seconds": result.seconds,
    }


def _print_summary(output: Path, encodings: list[Encodings], result: LinkResult) -> None:
    rows = [
        [encodings[a.left_dataset].dataset, encodings[a.right_dataset].dataset, len(a), len(b)]
        for a, b in zip(result.links, result.review, strict=True)
    ]
    print_table(["left", "right", "links", "to review"], rows)
    records = sum(len(one.records) for one in encodings)
    click.echo(f"{records:,} records are {result.persons.count:,} persons")
    single = result.decision["one_record_a_person"]
    if single:
        click.echo(
            f"one record a person: {', '.join(single)}; candidates of a record compete there"
        )
    kinds = ("one_a_data_set", "said_apart", "weak_tie", "outvoted")
    refused = sum(result.persons.ties[one] for one in kinds)
    if refused:
        click.echo(f"{refused:,} links join no persons: see ties in the manifest")
    if result.decision["method"] == "threshold":
        _print_threshold(result.decision)
    if result.certificate is not None:
        _print_certificate(result.certificate.summary())
    click.echo(f"results in {output}/")


def _print_threshold(decision: dict[str, Any]) -> None:
    said = {
        "given": "as given",
        "data": f"found in the data; about {decision['expected_precision']} of the links are right",
        "schema": "of the schema; the data can't tell, as data sets repeat people or have too few",
    }
    plain = decision.get("plain_threshold")
    told = f" ({plain:g} of plain filters)" if plain is not None else ""
    click.echo(
        f"links from Dice {decision['threshold']} on{told}, {said[decision['threshold_from']]}"
    )


def _print_certificate(certificate: dict[str, Any]) -> None:
    said = ", ".join(
        f"{name} {one['estimate']:.4f} ({one['lower']:.4f} to {one['upper']:.4f})"
        for name, one in ((name, certificate[name]) for name in ("precision", "recall"))
    )
    basis = f"by {certificate['pairs']:,} pairs with an equal identifier"
    if certificate["basis"] == "model":
        basis = "by the model; its recall is rather an upper bound"
    click.echo(f"estimated without truth: {said}, {basis}")
