"""Keeps secrets out of what is stored and shown: the values that are known to be secret, and what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

MASK: Final = "***"
"""What stands in a secret's place."""

LEAST: Final = 4
"""A secret of fewer characters is not looked for: it would be found in half of all words."""

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@]*):([^\s/@]+)@")
_NAMED: Final = re.compile(
    r"""(?ix)
    ([\w.-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key)["']?\s*[=:]\s*)
    (?:"[^"\n]*"|'[^'\n]*'|[^\s,;"'}\])]+)"""
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{8,}=*")


@dataclass(frozen=True, slots=True)
class Mask:
    """Takes secrets out of texts.

    Attributes:
        known: finds the values that are known to be secret; None where there is none.
    """

    known: re.Pattern[str] | None = None

    def __call__(self, text: str) -> str:
        """The text with `***` in place of each known secret, of passwords in URLs, and of values named password, secret, token or key.

        >>> Mask.of(["hunter22"])("logged in with hunter22 at db://ana:pw@host/x")
        'logged in with *** at db://ana:***@host/x'
        """
        if self.known is not None:
            text = self.known.sub(MASK, text)
        text = _URL.sub(rf"\1:{MASK}@", text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        return _NAMED.sub(rf"\1{MASK}", text)

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Mask:
        """A mask for these values, each line of those that have several, the passwords in those that are URLs, and all of them quoted.

        Args:
            secrets: values that must not be shown; those shorter than `LEAST` characters are left out.
        """
        wanted: set[str] = set()
        for secret in secrets:
            for part in (secret.strip(), *secret.splitlines(), *(found[2] for found in _URL.finditer(secret))):
                wanted |= {part, part.strip(), unquote(part), quote(part, safe=""), repr(part)[1:-1]}
        longest_first = sorted((part for part in wanted if len(part) >= LEAST), key=lambda part: (-len(part), part))
        return cls(re.compile("|".join(map(re.escape, longest_first))) if longest_first else None)
