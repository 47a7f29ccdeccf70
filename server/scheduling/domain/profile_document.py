"""Reading and checking one value of a rule profile document.

A document is a tree of tables; a leaf is `{value, unit, source, valid_from, approved_by}` and its key path is the path to
it (`late.cutoff`). All problems of a document are reported together, each with its key path and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

LEAF_FIELDS = ("value", "unit", "source", "valid_from", "approved_by")
SECONDS_OF_UNIT = {"s": 1, "min": 60, "h": 3600, "d": 86400}
HUNDREDTHS = 100


class ValueKind(StrEnum):
    """What a value is, and which unit it may carry."""

    DURATION = "duration"  # whole number of s, min, h or d
    COUNT = "count"  # whole number, unit names what is counted
    POINTS = "points"  # points with at most two decimals; held in 1/100 point
    FLAG = "flag"  # true or false
    CHOICE = "choice"  # one of the listed words
    WORDS = "words"  # list of words out of the listed ones


@dataclass(frozen=True, slots=True)
class ValueRule:
    """How one key of the document is read."""

    key: str
    kind: ValueKind
    unit: str = ""
    words: tuple[str, ...] = ()
    least: int = 0

    @property
    def expected(self) -> str:
        """What to write, in words."""
        match self.kind:
            case ValueKind.DURATION:
                return f"whole number >= {self.least} with unit s, min, h or d"
            case ValueKind.COUNT:
                return f"whole number >= {self.least} with unit {self.unit}"
            case ValueKind.POINTS:
                return 'number >= 0 with at most two decimals, unit point; decimals as text, "59.5"'
            case ValueKind.FLAG:
                return "true or false, unit flag"
            case ValueKind.CHOICE:
                return f"one of {', '.join(self.words)}, unit word"
            case _:
                return f"list of {', '.join(self.words)}, unit word"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a value comes from: the clause, since when it holds, and who approved it here."""

    unit: str
    source: str
    valid_from: str
    approved_by: str


@dataclass(frozen=True, slots=True)
class DocumentProblem:
    """One thing wrong with a profile document."""

    key: str
    code: str
    expected: str
    found: str

    def as_dict(self) -> dict[str, str]:
        """Wire form."""
        return {"key": self.key, "code": self.code, "expected": self.expected, "found": self.found}


def leaves(tree: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every leaf of a document with its key path; anything that is no table is handed out as an unreadable leaf."""
    for name, node in tree.items():
        key = f"{path}.{name}" if path else name
        if isinstance(node, Mapping) and "value" not in node and node:
            yield from leaves(node, key)
        else:
            yield key, node if isinstance(node, Mapping) else {"unreadable": node}


def read_leaf(rule: ValueRule, leaf: Mapping[str, Any]) -> tuple[Any, Provenance] | DocumentProblem:
    """The typed value and its provenance, or what is wrong with it."""
    missing = [name for name in LEAF_FIELDS if name not in leaf]
    unknown = sorted(set(leaf) - set(LEAF_FIELDS))
    if missing or unknown:
        found = f"missing: {', '.join(missing) or '-'}; unknown: {', '.join(unknown) or '-'}"
        return DocumentProblem(rule.key, "PROFILE_VALUE_INCOMPLETE", "fields " + ", ".join(LEAF_FIELDS), found)
    value, unit = _typed(rule, leaf["value"], leaf["unit"])
    if value is None:
        return DocumentProblem(rule.key, "PROFILE_VALUE_WRONG", rule.expected, f"{leaf['value']!r} {leaf['unit']!r}")
    valid_from = _day(leaf["valid_from"])
    if valid_from is None:
        found = f"valid_from {leaf['valid_from']!r}"
        return DocumentProblem(rule.key, "PROFILE_VALUE_WRONG", "valid_from as YYYY-MM-DD", found)
    source, approved_by = leaf["source"], leaf["approved_by"]
    if not (isinstance(source, str) and source.strip() and isinstance(approved_by, str) and approved_by.strip()):
        found = f"source {source!r}, approved_by {approved_by!r}"
        return DocumentProblem(
            rule.key, "PROFILE_VALUE_WRONG", "source and approved_by as text that is not empty", found
        )
    return value, Provenance(unit, source, valid_from, approved_by)


def leaf_of(rule: ValueRule, value: Any, provenance: Provenance) -> dict[str, Any]:
    """The leaf that `read_leaf` reads back as `value`."""
    unit = provenance.unit
    written: Any = value
    if rule.kind is ValueKind.DURATION:
        seconds = round(value.total_seconds())
        # A changed value may no longer be a whole number of minutes: then it is written in seconds.
        unit = unit if seconds % SECONDS_OF_UNIT[unit] == 0 else "s"
        written = seconds // SECONDS_OF_UNIT[unit]
    elif rule.kind is ValueKind.POINTS:
        whole, part = divmod(value, HUNDREDTHS)
        written = f"{whole}.{part:02d}" if part else whole
    elif rule.kind is ValueKind.WORDS:
        written = list(value)
    return {
        "value": written,
        "unit": unit,
        "source": provenance.source,
        "valid_from": provenance.valid_from,
        "approved_by": provenance.approved_by,
    }


def _typed(rule: ValueRule, value: Any, unit: Any) -> tuple[Any, str]:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= rule.least
    match rule.kind:
        case ValueKind.DURATION if is_number and unit in SECONDS_OF_UNIT:
            return timedelta(seconds=value * SECONDS_OF_UNIT[unit]), str(unit)
        case ValueKind.COUNT if is_number and unit == rule.unit:
            return value, rule.unit
        case ValueKind.POINTS if unit == "point":
            return _hundredths(value), "point"
        case ValueKind.FLAG if isinstance(value, bool) and unit == "flag":
            return value, "flag"
        case ValueKind.CHOICE if unit == "word" and value in rule.words:
            return value, "word"
        case ValueKind.WORDS if unit == "word" and isinstance(value, list) and value and set(value) <= set(rule.words):
            return tuple(value), "word"
        case _:
            return None, ""


def _hundredths(value: Any) -> int | None:
    # Never by floating point: 59.99 must stay 59.99.
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    whole, _, part = str(value).partition(".")
    if not (
        whole.isascii() and whole.isdigit() and len(part) <= 2 and (part == "" or (part.isascii() and part.isdigit()))
    ):
        return None
    return int(whole) * HUNDREDTHS + int(part.ljust(2, "0"))


def _day(value: Any) -> str | None:
    if isinstance(value, date):
        return value.isoformat()
    try:
        return date.fromisoformat(value).isoformat()
    except (TypeError, ValueError):
        return None
