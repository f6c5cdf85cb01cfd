"""A trained model as plain JSON values: to read, to edit, and to use again in the next run."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from linkage.errors import InputError, MismatchError, shown
from linkage.linker.levels import DIFFERS, Levels
from linkage.linker.mixture import Model

MODEL_VERSION = 1
_Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
_Pairs = Annotated[float, Field(ge=0.0, le=1e30, allow_inf_nan=False)]
_Name = Annotated[str, Field(max_length=60)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _LevelShape(_Shape):
    level: _Name
    m: _Share
    u: _Share


class _FieldShape(_Shape):
    field: _Name
    levels: Annotated[list[_LevelShape], Field(min_length=1, max_length=20)]


class _ClassShape(_Shape):
    match: bool
    in_common: Annotated[list[_Name], Field(max_length=60)]
    pairs: _Pairs


class _ModelShape(_Shape):
    model_version: int
    schema_digest: Annotated[str, Field(max_length=64)]
    all_pairs: Annotated[float, Field(ge=1, le=1e30, allow_inf_nan=False)]
    fields: Annotated[list[_FieldShape], Field(min_length=1, max_length=60)]
    classes: Annotated[list[_ClassShape], Field(min_length=2, max_length=2000)]


def model_content(model: Model, levels: Levels, schema_digest: str) -> dict[str, Any]:
    """Give a model as plain values; `model_of` takes them back."""
    labels, possible = level_labels(levels), levels.possible
    fields = [
        {
            "field": name,
            "levels": [
                {"level": labels[n], "m": float(model.m[f, n]), "u": float(model.u[f, n])}
                for n in range(DIFFERS, levels.top + 1)
                if possible[f, n]
            ],
        }
        for f, name in enumerate(model.fields)
    ]
    classes = [
        {
            "match": number < model.own,
            "in_common": [name for name, yes in zip(model.fields, row, strict=True) if yes],
            "pairs": float(size),
        }
        for number, (row, size) in enumerate(zip(model.shares, model.sizes, strict=True))
    ]
    return {
        "model_version": MODEL_VERSION,
        "schema_digest": schema_digest,
        "all_pairs": model.pairs,
        "fields": fields,
        "classes": classes,
    }


def model_of(content: object, levels: Levels, schema_digest: str) -> Model:
    """Take a model back. Its numbers may have been edited; fields and levels may not.

    Raises `MismatchError` for one of another schema or version, `InputError` for one that is
    damaged.
    """
    if not isinstance(content, dict):
        raise InputError("not a model, which is an object with a model_version")
    version = content.get("model_version")
    if type(version) is int and version != MODEL_VERSION:
        raise MismatchError(f"model version {shown(version, 20)} is not known to this release")
    try:
        shape = _ModelShape.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(shown(str(part), 40) for part in first["loc"])
        raise InputError(f"not a model: {place}: {first['msg']}") from None
    if shape.schema_digest != schema_digest:
        raise MismatchError(
            f"the model was trained under another schema (digest {shown(shape.schema_digest, 12)}, "
            f"and these files have {schema_digest[:12]}); train anew, without --model"
        )
    if tuple(one.field for one in shape.fields) != levels.fields:
        raise MismatchError(f"the model has other fields than {', '.join(levels.fields)}")
    labels, possible = level_labels(levels), levels.possible
    m, u = np.zeros((2, len(levels.fields), levels.top + 1))
    for f, one in enumerate(shape.fields):
        wanted = [labels[n] for n in range(DIFFERS, levels.top + 1) if possible[f, n]]
        if [level.level for level in one.levels] != wanted:
            raise MismatchError(
                f"the model's levels of '{shown(one.field)}' are not {', '.join(wanted)}"
            )
        at = np.flatnonzero(possible[f])
        m[f, at] = [level.m for level in one.levels]
        u[f, at] = [level.u for level in one.levels]
        if m[f].sum() <= 0 or (u[f, at] <= 0).any():
            raise InputError(f"the model's m of '{shown(one.field)}' are all 0, or a u is 0")
    own = sum(one.match for one in shape.classes)
    matches = [one.match for one in shape.classes]
    if matches != [True] * own + [False] * (len(matches) - own) or own == len(matches) or not own:
        raise InputError("the model's classes: matches come first, and both kinds are needed")
    if shape.classes[own].in_common:
        raise InputError("the model's classes: the first that is no match has nothing in common")
    unknown = {name for one in shape.classes for name in one.in_common} - set(levels.fields)
    if unknown:
        raise InputError(f"the model's classes: there is no field '{shown(min(unknown))}'")
    shares = np.array([[name in one.in_common for name in levels.fields] for one in shape.classes])
    sizes = np.array([max(one.pairs, 1e-12) for one in shape.classes])
    m /= m.sum(axis=1, keepdims=True)
    u /= u.sum(axis=1, keepdims=True)
    return Model(levels.fields, m, u, shares, sizes, own, shape.all_pairs)


def level_labels(levels: Levels) -> list[str]:
    """Name the levels from missing on: `missing`, `differs`, Dice bounds, `equal`."""
    return ["missing", "differs", *(f"{bound:g}" for bound in levels.bounds[:-1]), "equal"]
