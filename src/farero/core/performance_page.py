"""Realized performance as one HTML page that needs nothing else: metrics, calibration, segments, windows by the age of their labels."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from farero.core.appraisal import Appraisal, WindowFigures, named
from farero.core.measured import Measured
from farero.core.reliability import Calibration
from farero.core.segments import BySegment
from farero.core.whiskers import Point, cell, over_time, reliability, scale

_STYLE = """
:root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1d2433;--dim:#5d6779;--rule:#e4e7ec;--card:#fff;--now:#0b6e99;--old:#98a2b3;
--bad:#b42318;--badbg:#fef3f2}
@media(prefers-color-scheme:dark){:root{--bg:#101418;--ink:#e6e9ee;--dim:#98a2b3;--rule:#2b323b;--card:#161b21;--now:#4cc2f1;--old:#7d8794;
--bad:#fda29b;--badbg:#2c1614}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1080px;padding:2rem 1.25rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.dim{color:var(--dim)}
.late{border:1px solid var(--bad);border-left-width:6px;border-radius:8px;background:var(--badbg);padding:.7rem 1rem;margin:1rem 0}
ul{margin:.4rem 0;padding-left:1.2rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.88rem}
th,td{text-align:right;padding:.32rem .55rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--dim);font-size:.8rem}th.text,td.text{text-align:left}td.name{white-space:normal;max-width:26em}
.chart,.square{background:var(--card);border:1px solid var(--rule);border-radius:8px;display:block;height:auto}
.chart{width:100%}.square{width:100%;max-width:340px}.whisker{width:160px;height:16px;display:block}
svg text{font-size:11px;fill:var(--dim)}.axis{font-weight:600}.grid{stroke:var(--rule);stroke-width:1.2;fill:none}
.base{stroke:var(--dim);fill:none}.reach{stroke:var(--now);stroke-width:1.6;fill:none}.dot{fill:var(--now)}
.open .dot{fill:var(--card);stroke:var(--now);stroke-width:1.6}.same .reach{stroke:var(--old)}.same .dot{fill:var(--old)}
.beside{display:flex;gap:2rem;flex-wrap:wrap;align-items:flex-start}
.beside>*{flex:1 1 480px;min-width:0}.beside>:first-child{flex:0 1 300px}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000}body{max-width:none;padding:0;font-size:11px}svg,tr{break-inside:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

MOST_ROWS = 100


def page(found: Appraisal) -> str:
    """The whole page."""
    who = f"{found.model} {found.version}" if found.version else found.model
    title = f"{who}: how good the answers were"
    labelled = f"{found.labelled / found.rows:.1%}" if found.rows else "none"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
            f'<p class="dim">Predictions of {found.start:%Y-%m-%d %H:%M} to {found.end:%Y-%m-%d %H:%M} UTC: {found.rows:,}; '
            f"labelled {found.labelled:,} ({labelled}). Intervals hold the truth in {found.level:.0%} of cases.</p>",
            *(f'<p class="late"><b>{escape(one.kind)}</b> {escape(one.because)}.</p>' for one in found.findings),
            _metrics(found),
            "" if found.calibration is None else _calibration(found.calibration),
            *(_segments(found, divided) for divided in found.by),
            _weak(found),
            _windows(found),
            _ages(found),
            _versions(found),
            _caveats(found),
            "</body></html>",
        ]
    )


def _metrics(found: Appraisal) -> str:
    rows = [
        [_text(one.name), _value(one), _interval(one), f"{one.rows:,}", _with_interval(named(found.baseline, one.name)), _text(_why(one))]
        for one in found.metrics
    ]
    before = f"{found.baseline_version} before it served" if found.baseline else ""
    heads = ["metric", "value", "95 % interval", "rows", before, ""]
    return f"<h2>Metrics</h2>{_table(heads, rows, text=(0, 5))}"


def _why(one: Measured) -> str:
    return one.because or ("widened: days are drawn, not rows" if one.by_day else "")


def _calibration(made: Calibration) -> str:
    rows = [
        [f"{one.low:.3f} to {one.high:.3f}", f"{one.rows:,}", f"{one.predicted:.3f}", f"{one.observed:.3f}",
         f"{one.observed_low:.3f} to {one.observed_high:.3f}"]
        for one in made.bins
    ]  # fmt: skip
    heads = [f"probability of the {made.of}", "rows", "mean", "came true", "95 % interval"]
    told = (
        f"<p>Expected calibration error {_with_interval(made.error)}; chance alone would give {made.by_chance:.4g}. Mean probability less "
        f"the share that came true: {_with_interval(made.gap)}.</p>"
    )
    return f'<h2>Calibration</h2>{told}<div class="beside"><div>{reliability(made)}</div>{_table(heads, rows, text=(0,))}</div>'


def _segments(found: Appraisal, divided: BySegment) -> str:
    pairs = [(segment, named(segment.metrics, found.metric)) for segment in divided.segments]
    figures = [one for _, one in pairs if one is not None]
    low, high = scale(figures)
    whole = named(found.metrics, found.metric)
    rows = [
        [_text(segment.name), f"{segment.rows:,}", _value(one), _interval(one), cell(one, low, high, whole.value if whole else None),
         _text(one.because)]
        for segment, one in pairs[:MOST_ROWS] if one is not None
    ]  # fmt: skip
    heads = [divided.feature, "rows", found.metric, "95 % interval", "", ""]
    return f"<h2>By {escape(divided.feature)}</h2>{_table(heads, rows, text=(0, 4, 5))}"


def _weak(found: Appraisal) -> str:
    weak = found.weak
    if weak.because:
        return f'<h2>Weak segments</h2><p class="dim">Not searched for: {escape(weak.because)}.</p>'
    if not weak.segments:
        return f'<h2>Weak segments</h2><p class="dim">None among {weak.searched:,} segments of one feature or two.</p>'
    rows = [
        [_text(" and ".join(f"{one.feature}: {one.segment}" for one in each.where)), f"{each.rows:,}", f"{each.share:.1%}",
         _value(each.metric), _interval(each.metric), _with_interval(each.rest),
         "&lt; 0.0001" if each.p_value < 1e-4 else f"{each.p_value:.4f}"]
        for each in weak.segments
    ]  # fmt: skip
    heads = ["segment", "rows", "share", found.metric, "95 % interval", "elsewhere", "p"]
    told = (
        f'<p class="dim">Searched on one half of the rows ({weak.searched:,} segments), tested and measured on the other; by the '
        f"{escape(weak.loss)} loss of each row. A report without a weak segment names one in {weak.false_alarm_rate:.0%} of cases.</p>"
    )
    return f"<h2>Weak segments</h2>{told}{_table(heads, rows, text=(0,))}"


def _windows(found: Appraisal) -> str:
    if not found.windows:
        return ""
    points = [Point(at=one.start, figure=one.same_age, css="same", title=_told(one, one.same_age, "earlier windows at that age"))
              for one in found.windows if one.same_age is not None]  # fmt: skip
    points += [
        Point(at=one.start, figure=one.metric, css="full" if one.mature else "open", title=_told(one, one.metric, "this window"))
        for one in found.windows
    ]
    better = "higher is better" if found.higher_is_better else "lower is better"
    chart = over_time(points, title=f"{found.metric} by window", y_label=f"{found.metric} ({better})")
    rows = [
        [f"{one.start:%Y-%m-%d %H:%M}", f"{one.rows:,}", f"{one.share:.1%}", "–" if one.usual is None else f"{one.usual:.1%}",
         "late" if one.late else "" if one.mature else "open", _with_interval(one.metric), _with_interval(one.same_age)]
        for one in found.windows[-MOST_ROWS:]
    ]  # fmt: skip
    heads = ["window", "rows", "labelled", "usual at that age", "", found.metric, "earlier windows at that age"]
    key = (
        '<p class="dim">Full dots: all labels have had their time. Hollow dots: labels may still come; compare these with the grey dots, '
        "which are earlier windows with the labels that were in at the same age.</p>"
    )
    return f"<h2>Window by window</h2>{key}{chart}{_table(heads, rows, text=(0, 4))}"


def _told(window: WindowFigures, one: Measured | None, whose: str) -> str:
    if one is None or one.value is None:
        return ""
    return f"{window.start:%Y-%m-%d %H:%M}, {whose}: {one.value:.4g} on {one.rows:,} rows"


def _ages(found: Appraisal) -> str:
    if not found.ages:
        return ""
    rows = [[_hours(one.age_s), f"{one.share:.1%}", _with_interval(one.metric)] for one in found.ages]
    told = '<p class="dim">The same windows each time. Where the figure changes with age, rows labelled quickly are unlike the others.</p>'
    heads = ["after the window's end", "labelled", found.metric]
    return f"<h2>Mature windows as they stood at an age</h2>{told}{_table(heads, rows, text=(0,))}"


def _versions(found: Appraisal) -> str:
    if len(found.versions) < 2:
        return ""
    rows = [[_text(one.version), f"{one.rows:,}", _with_interval(one.metric)] for one in found.versions]
    return f"<h2>By version</h2>{_table(['version', 'rows', found.metric], rows, text=(0,))}"


def _caveats(found: Appraisal) -> str:
    listed = "".join(f"<li>{escape(text)}</li>" for text in found.caveats)
    return f"<h2>To keep in mind</h2><ul>{listed}</ul>" if listed else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, text: Sequence[int]) -> str:
    """A table of ready cells; those at the places of `text` stand to the left."""
    css = ["text" if at in text else "" for at in range(len(heads))]
    head = "".join(f'<th scope="col" class="{kind}">{escape(name)}</th>' for kind, name in zip(css, heads, strict=True))
    body = "".join(f"<tr>{''.join(_cell(kind, value) for kind, value in zip(css, row, strict=True))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(kind: str, value: str) -> str:
    return f'<td class="text name">{value}</td>' if kind else f"<td>{value}</td>"


def _value(one: Measured | None) -> str:
    return "–" if one is None or one.value is None else f"{one.value:.4g}"


def _interval(one: Measured | None) -> str:
    return "–" if one is None or one.low is None or one.high is None else f"{one.low:.4g} to {one.high:.4g}"


def _with_interval(one: Measured | None) -> str:
    if one is None or one.value is None:
        return "–"
    return f"{_value(one)} ({_interval(one)})" if one.low is not None else _value(one)


def _text(text: str) -> str:
    return escape(text if len(text) <= 200 else text[:199] + "…")


def _hours(seconds: float) -> str:
    return f"{seconds / 86400:.3g} days" if seconds >= 86400 else f"{seconds / 3600:.3g} hours" if seconds >= 3600 else f"{seconds:.0f} s"
