"""Why performance fell, as one HTML page that needs nothing else: the parts, the features, the segments."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from farero.core.explained import DropReport, FeatureSegments, Part, Segment

MOST_FEATURES = 20
MOST_SEGMENTS = 14

_STYLE = """
:root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1d2433;--dim:#5d6779;--rule:#e4e7ec;--card:#fff;--worse:#b54708;--better:#067647}
@media(prefers-color-scheme:dark){:root{--bg:#101418;--ink:#e6e9ee;--dim:#98a2b3;--rule:#2b323b;--card:#161b21;--worse:#f79009;--better:#47cd89}}
*{box-sizing:border-box}body{margin:0 auto;max-width:980px;padding:2rem 1.25rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.dim{color:var(--dim)}
.answer{border:1px solid var(--rule);border-left:6px solid var(--worse);border-radius:8px;background:var(--card);
padding:.7rem 1rem;margin:1rem 0}
.bars{width:100%;height:auto;background:var(--card);border:1px solid var(--rule);border-radius:8px;display:block}
.bars text{font-size:12px;fill:var(--ink)}.bars .num{fill:var(--dim)}.bars .worse{fill:var(--worse)}.bars .better{fill:var(--better)}
.bars .zero{stroke:var(--dim)}.bars .reach{stroke:var(--ink);stroke-width:1.4}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.86rem}
th,td{text-align:right;padding:.32rem .5rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--dim);font-size:.8rem}th:first-child,td:first-child{text-align:left;white-space:normal}.clear{font-weight:700}
ul{margin:.4rem 0;padding-left:1.2rem}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000}body{max-width:none;padding:0;font-size:11px}svg,tr{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

_WIDE, _LEFT, _RIGHT, _ROW = 900, 290, 120, 26


def page(report: DropReport) -> str:
    """The whole page."""
    found = report.explanation
    title = f"{report.model} {report.version}: why {report.metric} changed"
    figures = " → ".join("–" if value is None else f"{value:.4g}" for value in report.metrics)
    parts = [
        ("change", found.total),
        ("other inputs", found.inputs),
        ("  that the reference holds too", found.known_inputs),
        ("  that it hardly holds", found.new_inputs),
        ("another relation", found.relation),
    ]
    features = [(one.feature, one.part) for one in found.features[:MOST_FEATURES]]
    if features:
        features.append(("not told apart", Part(value=found.unshared, low=found.unshared, high=found.unshared)))
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="dim">{escape(report.metric)} {figures}; {escape(report.loss_name)} {found.loss[0]:.4g} → {found.loss[1]:.4g}. '
            f"{found.rows[1]:,} rows of {escape(str(report.current))} beside {escape(report.beside)} ({found.rows[0]:,} rows).</p>",
            f'<div class="answer"><b>{_answer(report)}</b><p class="dim">Inputs alike: {found.overlap:.2f} of 1. The relation\'s part '
            f"rests on {found.effective_rows[0]:,.0f} and {found.effective_rows[1]:,.0f} rows in effect.</p></div>",
            f"<h2>Parts of the change of {escape(report.loss_name)}, with 95 % intervals</h2>{_bars(parts)}",
            f"<h2>The inputs' part by feature</h2>{_bars(features)}" if features else "",
            _segments(found.by_segment),
            f"<h2>Notes</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in (*found.notes, *report.notes))}</ul>",
            "</body></html>",
        ]
    )


def _answer(report: DropReport) -> str:
    found = report.explanation
    if found.total.low <= 0 <= found.total.high:
        return "The change is within what chance explains."
    way = "worse" if found.total.value > 0 else "better"
    share = found.relation.value / found.total.value
    if share > 0.8:
        return f"It went {way}, nearly all of it because the same inputs now lead to other labels (concept drift)."
    if share < 0.2:
        return f"It went {way}, nearly all of it because the inputs are others (covariate shift)."
    return f"It went {way}: {1 - share:.0%} of it with other inputs, {share:.0%} with another relation between inputs and label."


def _bars(rows: Sequence[tuple[str, Part]]) -> str:
    """Bars to both sides of 0 with their intervals; to the right is worse."""
    low = min(0.0, *(part.low for _, part in rows))
    high = max(0.0, *(part.high for _, part in rows))
    span = high - low or 1.0
    tall = _ROW * len(rows) + 12

    def x(value: float) -> float:
        return _LEFT + (value - low) / span * (_WIDE - _LEFT - _RIGHT)

    drawn = [f'<svg class="bars" viewBox="0 0 {_WIDE} {tall}" role="img" aria-label="parts of the change">']
    for at, (name, part) in enumerate(rows):
        y = 6 + at * _ROW
        left, right = sorted((x(0.0), x(part.value)))
        css = "worse" if part.value > 0 else "better"
        indent = 12 + 14 * (len(name) - len(name.lstrip()))
        short = name.strip() if len(name) <= 40 else name.strip()[:39] + "…"
        drawn.append(
            f'<text x="{indent}" y="{y + 17}">{escape(short)}</text>'
            f'<rect class="{css}" x="{left:.1f}" y="{y + 5}" width="{right - left:.1f}" height="{_ROW - 12}"/>'
            f'<line class="reach" x1="{x(part.low):.1f}" x2="{x(part.high):.1f}" y1="{y + _ROW / 2 - 1}" y2="{y + _ROW / 2 - 1}"/>'
            f'<text class="num" x="{_WIDE - 12}" y="{y + 17}" text-anchor="end">{part.value:+.4g}</text>'
        )
    drawn.append(f'<line class="zero" x1="{x(0.0):.1f}" x2="{x(0.0):.1f}" y1="2" y2="{tall - 2}"/></svg>')
    return "".join(drawn)


def _segments(found: Sequence[FeatureSegments]) -> str:
    # Features come with the most uneven first: a rise that is the same everywhere says nothing of where.
    every = [segment for one in found for segment in sorted(one.segments, key=lambda segment: -abs(segment.within.value))]
    if not every:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in ("segment", "share", "loss", "by its size", "within it", "95 %", ""))
    body = "".join(_row(segment) for segment in every[:MOST_SEGMENTS])
    left = len(every) - MOST_SEGMENTS
    note = f'<p class="dim">{left} more segments, of features that tell less, are in the JSON output only.</p>' if left > 0 else ""
    return (
        '<h2>Where</h2><p class="dim">The segments of one feature add up to the whole change; those of two features tell it twice. '
        "Features whose segments changed most unevenly come first.</p>"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}'
    )


def _row(one: Segment) -> str:
    losses = " → ".join("–" if value is None else f"{value:.4g}" for value in one.loss)
    name = one.name if len(one.name) <= 80 else one.name[:79] + "…"
    return (
        f"<tr><td>{escape(name)}</td><td>{one.share[0]:.1%} → {one.share[1]:.1%}</td><td>{losses}</td><td>{one.mix:+.4g}</td>"
        f"<td>{one.within.value:+.4g}</td><td>{one.within.low:+.4g} … {one.within.high:+.4g}</td>"
        f'<td class="{"clear" if one.clear else "dim"}">{"clear" if one.clear else "may be chance"}</td></tr>'
    )
