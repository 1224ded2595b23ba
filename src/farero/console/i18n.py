"""English and Spanish: words, numbers and dates, chosen by ?lang=, by cookie, or by what the browser asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español"}
_MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "es": ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"),
}
_DASH = "–"


def choose(asked: str | None, remembered: str | None, accepted: str) -> str:
    """The language for a request.

    >>> choose(None, None, "de;q=0.9, es-AR;q=0.8, en;q=0.7"), choose("en", "es", ""), choose("xx", None, "")
    ('es', 'en', 'en')
    """
    for wish in (asked, remembered):
        if wish in LANGUAGES:
            return str(wish)
    return next((tag for tag in _by_weight(accepted) if tag in LANGUAGES), "en")


def _by_weight(accepted: str) -> list[str]:
    weighed: list[tuple[float, str]] = []
    for part in accepted.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    return [tag for weight, tag in sorted(weighed, key=lambda pair: pair[0]) if weight < 0]


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Called with a key it gives the text, with the values put in."""

    lang: str

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key of `words/<lang>.json`."""
        text = catalogue(self.lang)[key]
        return text.format(**values) if values else text

    def number(self, value: float | None, digits: int = 3) -> str:
        """A figure with so many significant digits; large ones whole and grouped.

        >>> Words("en").number(12345.678), Words("es").number(0.04567), Words("en").number(None)
        ('12,346', '0,0457', '–')
        """
        if value is None or value != value:
            return _DASH
        size = abs(value)
        if size >= 10 ** (digits - 1):
            text = f"{value:,.0f}"
        elif size == 0:
            text = "0"
        elif size < 1e-4:
            text = f"{value:.1e}"
        else:
            places = digits
            while places > 0 and size >= 10 ** (digits - places):
                places -= 1
            if size < 1:
                places = digits
                while size < 0.1 and size * 10**places < 10 ** (digits - 1):
                    places += 1
            text = f"{value:.{places}f}"
        return text if self.lang == "en" else text.replace(",", "_").replace(".", ",").replace("_", ".")

    def mark(self, value: float) -> str:
        """A round number on an axis, with no more digits than it has.

        >>> Words("en").mark(80.0), Words("es").mark(0.05), Words("en").mark(2500.0)
        ('80', '0,05', '2,500')
        """
        text = f"{value:,.10f}".rstrip("0").rstrip(".")
        return text if self.lang == "en" else text.replace(",", "_").replace(".", ",").replace("_", ".")

    def whole(self, value: int) -> str:
        """A count, grouped.

        >>> Words("en").whole(1234567), Words("es").whole(1234567)
        ('1,234,567', '1.234.567')
        """
        return f"{value:,}" if self.lang == "en" else f"{value:,}".replace(",", ".")

    def share(self, value: float) -> str:
        """A share as percent, for people.

        >>> Words("es").share(0.125)
        '12,5 %'
        """
        text = f"{value * 100:.3g}"
        return f"{text}%" if self.lang == "en" else f"{text.replace('.', ',')} %"

    def day(self, moment: datetime) -> str:
        """A date.

        >>> Words("en").day(datetime(2012, 3, 4, tzinfo=UTC)), Words("es").day(datetime(2012, 8, 4, tzinfo=UTC))
        ('4 Mar 2012', '4 ago 2012')
        """
        return f"{moment.day} {_MONTHS[self.lang][moment.month - 1]} {moment.year}"

    def moment(self, moment: datetime) -> str:
        """A date and, where it is not midnight, a time of day [UTC].

        >>> Words("en").moment(datetime(2012, 3, 4, 9, 5, tzinfo=UTC))
        '4 Mar 2012 09:05'
        """
        at = moment.astimezone(UTC)
        clock = f" {at:%H:%M}" if at.hour or at.minute else ""
        return f"{self.day(at)}{clock}"

    def tick(self, moment: datetime, grain: str, *, first: bool) -> str:
        """A mark on a time axis: no more of the date than tells it from its neighbours; the first one says the year.

        >>> Words("en").tick(datetime(2012, 3, 1, tzinfo=UTC), "month", first=False)
        'Mar'
        """
        month = _MONTHS[self.lang][moment.month - 1]
        if grain == "month":
            return f"{month} {moment.year}" if first or moment.month == 1 else month
        if grain == "day":
            return f"{moment.day} {month} {moment.year}" if first else f"{moment.day} {month}"
        return f"{moment.day} {month}" if first or moment.hour == 0 else f"{moment:%H:%M}"

    def span(self, length: timedelta) -> str:
        """A length of time in one unit.

        >>> Words("en").span(timedelta(minutes=90)), Words("es").span(timedelta(days=3))
        ('90 min', '3 d')
        """
        seconds = length.total_seconds()
        if seconds < 120:
            return f"{seconds:.0f} s"
        if seconds < 7200:
            return f"{seconds / 60:.0f} min"
        return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} d"


@cache
def catalogue(lang: str) -> Mapping[str, str]:
    """Every text of a language by key."""
    texts: dict[str, str] = json.loads((Path(__file__).parent / "words" / f"{lang}.json").read_text("utf-8"))
    return texts
