"""Signs and encodings of CSV files, and hints where a file has others."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import ConfigurationError
from harness_datasets.cells import is_decimal_comma

# What the signs are called, so that none needs quotes on a command line; pandas gets the first sign
SEPARATORS = {
    "comma": (",",),
    "semicolon": (";",),
    "tab": ("\t", "\\t"),
    "space": (r"\s+", " "),
    "bar": ("|",),
}
DECIMALS = {"point": (".",), "comma": (",",)}
COMMENTS = {"none": ("",), "hash": ("#",), "percent": ("%",)}

_HINT_BYTES = 4096  # of the beginning of a file, in which hints are looked for


@dataclass(frozen=True)
class CsvFormat:
    """How a CSV file is written. Signs go by their names; a sign is replaced by its name.

    Attributes:
        separator: One of `SEPARATORS`, or a character.
        decimal: One of `DECIMALS`.
        comment: One of `COMMENTS`, or a character.
        encoding: Name of an encoding that Python knows.
    """

    separator: str = "comma"
    decimal: str = "point"
    comment: str = "none"
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        for field, names in (
            ("separator", SEPARATORS),
            ("decimal", DECIMALS),
            ("comment", COMMENTS),
        ):
            object.__setattr__(self, field, _name_of(field, getattr(self, field), names))
        try:
            "".encode(self.encoding)
            if codecs.lookup(self.encoding).name == "utf-8":
                object.__setattr__(self, "encoding", "utf-8")  # one of its many names
        except (LookupError, ValueError) as error:
            raise ConfigurationError(
                f"'encoding' of Table must be one that Python knows, such as utf-8, latin-1, cp1252 "
                f"or utf-16. Got {self.encoding!r}."
            ) from error
        if _sign(self.comment, COMMENTS) == _sign(self.separator, SEPARATORS):
            raise ConfigurationError(
                f"'separator' and 'comment' of Table must be different signs. Got {self.separator} "
                f"for both."
            )

    @property
    def decimal_sign(self) -> str:
        """The decimal sign."""
        return DECIMALS[self.decimal][0]

    @property
    def has_comments(self) -> bool:
        """Whether the file may have comments."""
        return self.comment != "none"

    @property
    def for_pandas(self) -> dict[str, Any]:
        """The arguments of `pandas.read_csv`."""
        return {
            "sep": _sign(self.separator, SEPARATORS),
            "decimal": self.decimal_sign,
            "comment": _sign(self.comment, COMMENTS) or None,
            "encoding": self.encoding,
            "compression": None,
            "index_col": False,
            "skipinitialspace": True,
        }

    def hint(self, path: Path, undecodable: bool = False) -> str:
        """What to try where a file does not read as it should: a sentence after a space, or nothing.

        Args:
            path: Path of the file.
            undecodable: Whether its bytes are no text in this encoding.
        """
        with path.open("rb") as file:
            beginning = file.read(_HINT_BYTES)
        encoding = _likely_encoding(beginning, self.encoding) if undecodable else self.encoding
        lines = beginning.decode(encoding, "ignore").splitlines()
        data = [line.strip() for line in lines if line.strip() and line[0] not in "#%"][:2]
        comments = {
            name: any(line.startswith(COMMENTS[name][0]) for line in lines)
            for name in ("hash", "percent")
        }
        hints = [f"encoding={encoding}"] if undecodable else []
        hints += [f"comment={n}" for n, there in comments.items() if there and n != self.comment]
        separator = self._likely_separator(data)
        hints += [f"separator={separator}"] if separator != self.separator else []
        cells = re.split(_pattern(separator), data[1]) if len(data) > 1 else []
        if self.decimal == "point" and any(map(is_decimal_comma, cells)):
            hints.append("decimal=comma")
        if not hints:
            return ""
        return f" It looks as if you needed {' '.join(f'dataset.{hint}' for hint in hints)}."

    def _likely_separator(self, lines: list[str]) -> str:
        """The separator that the first lines of data have, which is another if they lack this one."""
        if not lines or re.search(_pattern(self.separator), lines[0]):
            return self.separator
        for name in ("semicolon", "tab", "bar", "comma", "space"):
            if all(re.search(_pattern(name), line) for line in lines):
                return name
        return self.separator


def _likely_encoding(beginning: bytes, other_than: str) -> str:
    """The encoding of a file, by its first bytes."""
    if beginning[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)  # may end within a letter
    except UnicodeError:
        return "latin-1"
    return "latin-1" if other_than == "utf-8" else "utf-8"


def _pattern(separator: str) -> str:
    sign = _sign(separator, SEPARATORS)
    return sign if separator == "space" else re.escape(sign)


def _name_of(field: str, value: str, names: Mapping[str, tuple[str, ...]]) -> str:
    for name, signs in names.items():
        if value == name or value in signs:
            return name
    # A letter or digit would cut cells in two
    character = (
        len(value) == 1 and value.isprintable() and not value.isalnum() and value not in "\"'"
    )
    if field != "decimal" and character:
        return value
    known = ", ".join(names) + ("" if field == "decimal" else " or a character that is no letter")
    raise ConfigurationError(f"{field!r} of Table must be one of {known}. Got {value!r}.")


def _sign(name: str, names: Mapping[str, tuple[str, ...]]) -> str:
    return names[name][0] if name in names else name
