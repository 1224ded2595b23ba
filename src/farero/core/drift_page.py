"""A comparison of two tables as one HTML page that needs nothing else: verdict, reasons, and every column with its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from farero.core.bars import Bars, bar_chart, edge_text
from farero.core.chart import number_text
from farero.core.compare import Comparison, distance, stated_rate
from farero.core.finding import Finding
from farero.core.observation import ColumnDrift

MOST_CHARTS = 100
MOST_FINDINGS = 100
MOST_ROWS = 600
"""A table of thousands of columns would make a page that no browser likes; the columns that drifted come first."""

_STYLE = """
:root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1d2433;--dim:#5d6779;--rule:#e4e7ec;--card:#fff;--ref:#c3cad6;--now:#b54708;
--bad:#b42318;--badbg:#fef3f2;--good:#067647;--goodbg:#ecfdf3}
@media(prefers-color-scheme:dark){:root{--bg:#101418;--ink:#e6e9ee;--dim:#98a2b3;--rule:#2b323b;--card:#161b21;--ref:#465061;--now:#f79009;
--bad:#fda29b;--badbg:#2c1614;--good:#75e0a7;--goodbg:#0e2419}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:2rem 1.25rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .6rem}p{margin:.3rem 0}.dim{color:var(--dim)}
.verdict{border:1px solid;border-left-width:6px;border-radius:8px;padding:.8rem 1rem;margin:1.2rem 0}
.verdict b{font-size:1.15rem}.verdict.yes{border-color:var(--bad);background:var(--badbg)}.yes b,.flag{color:var(--bad)}
.verdict.no{border-color:var(--good);background:var(--goodbg)}.no b{color:var(--good)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:.7rem;margin:1rem 0}
.tiles div{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.55rem .8rem;font-size:.8rem;color:var(--dim)}
.tiles b{display:block;font-size:1.3rem;font-weight:650;color:var(--ink);font-variant-numeric:tabular-nums}.tiles .bad b{color:var(--bad)}
.found{list-style:none;padding:0}.found li{display:flex;gap:.6rem;padding:.25rem 0;border-bottom:1px solid var(--rule);font-size:.9rem}
.chip{flex:none;width:5.2em;text-align:center;border-radius:99px;font-size:.72rem;line-height:1.5rem;height:1.5rem;
border:1px solid var(--rule);color:var(--dim)}
.chip.high,.chip.critical{color:var(--bad);border-color:var(--bad)}.chip.medium{color:var(--now);border-color:var(--now)}
ul{margin:.4rem 0;padding-left:1.2rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.8rem}
th,td{text-align:right;padding:.35rem .4rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--dim);font-size:.8rem}th.text,td.text{text-align:left}
td.name{white-space:normal;min-width:11em;max-width:16em}.flag{font-weight:700}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:.9rem}
figure{margin:0;padding:.7rem .8rem .4rem;background:var(--card);border:1px solid var(--rule);border-radius:8px;break-inside:avoid}
figure.drift{border-color:var(--bad)}figcaption{display:flex;justify-content:space-between;gap:.6rem;font-size:.85rem;margin-bottom:.4rem}
figure p{font-size:.76rem;color:var(--dim);margin:.3rem 0 .2rem;font-variant-numeric:tabular-nums}
td.far{min-width:90px}td.far i{display:inline-block;height:.55em;border-radius:2px;background:var(--ref);margin-right:.4em;min-width:1px}
tr.drift td.far i{background:var(--bad)}figcaption b{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
figcaption span{flex:none;white-space:nowrap}
.bars{width:100%;height:auto;display:block}.bars text{font-size:10.5px;fill:var(--dim);paint-order:stroke;stroke:var(--card);
stroke-width:3px}.ref{fill:var(--ref)}
.now{fill:none;stroke:var(--now);stroke-width:1.8}.now.solid{fill:var(--now);stroke:none}.base{stroke:var(--dim);stroke-width:1}
.key{display:inline-block;width:1.1em;height:.7em;border-radius:2px;margin:0 .35em 0 .9em}.key.a{background:var(--ref);margin-left:0}
.key.b{background:var(--now)}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--dim:#444;--ref:#c3cad6;--now:#b54708;--bad:#b42318;--good:#067647;--rule:#ccc;
--badbg:#fff;--goodbg:#fff}@page{margin:14mm}body{max-width:none;padding:0;font-size:11px}.verdict,figure,tr,li{break-inside:avoid}
h2{break-after:avoid}.charts{grid-template-columns:repeat(3,1fr)}.scroll{overflow:visible}thead{display:table-header-group}
table{font-size:8px}th,td{padding:.15rem .25rem;white-space:normal}td.name{min-width:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

_HEAD = ("column", "kind", "distance", "p", "PSI", "", "Wasserstein/σ", "JS", "mean", "σ", "missing")
_TEXT = {"column", "kind", "distance", ""}


def page(found: Comparison, *, reference: str, current: str) -> str:
    """The whole page: verdict and reason, what was found, the pictures of the columns that moved furthest, and every column's figures.

    Args:
        found: compared with pictures; a column without one is listed only.
        reference: the first table's name.
        current: the second table's name.
    """
    title = f"{current} beside {reference}"
    columns = sorted(found.columns, key=lambda column: (not column.drift, -(distance(column) or 0.0)))
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="dim">{found.rows[0]:,} rows against {found.rows[1]:,}, {len(columns)} columns in common.</p>',
            _verdict(found),
            _tiles(found),
            _findings(found.findings),
            _charts(columns, found.bars),
            _table(columns, found.within),
            "</body></html>",
        ]
    )


def _verdict(found: Comparison) -> str:
    head = "Drift found" if found.drift else "No drift found"
    return (
        f'<div class="verdict {"yes" if found.drift else "no"}"><b>{head}</b>'
        f"<p>{_cut(found.because, 2000)}</p>"
        f'<p class="dim">The rule {escape(found.rule)}: {escape(stated_rate(found.rule))}.</p></div>'
    )


def _tiles(found: Comparison) -> str:
    drifted = sum(column.drift for column in found.columns)
    furthest = max(found.columns, key=lambda column: distance(column) or 0.0)
    tiles = [
        (f"{drifted} of {len(found.columns)}", "columns drifted", drifted),
        (f"{len(found.pairs)}", "pairs go together differently", len(found.pairs)),
        (f"{len(found.quality)}", "faults of the tables", any(finding.severity in ("high", "critical") for finding in found.quality)),
        (_figure(distance(furthest)), f"furthest: {furthest.name}", furthest.drift),
    ]
    boxes = "".join(f"<div{' class=bad' if bad else ''}><b>{value}</b>{_cut(words, 60)}</div>" for value, words, bad in tiles)
    return f'<div class="tiles">{boxes}</div>'


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    shown = "".join(
        f'<li><span class="chip {finding.severity}">{finding.severity}</span><span>{_cut(finding.because, 400)}</span></li>'
        for finding in findings[:MOST_FINDINGS]
    )
    left = len(findings) - MOST_FINDINGS
    more = f'<p class="dim">{left} more, none of them graver, are in the JSON output only.</p>' if left > 0 else ""
    return f'<h2>What was found</h2><ul class="found">{shown}</ul>{more}'


def _charts(columns: Sequence[ColumnDrift], bars: Mapping[str, Bars]) -> str:
    drawn = [column for column in columns if column.name in bars][:MOST_CHARTS]
    if not drawn:
        return ""
    figures = "".join(
        f'<figure{" class=drift" if column.drift else ""}><figcaption><b title="{_cut(column.name, 200)}">{_cut(column.name, 80)}</b>'
        f'<span class="{"flag" if column.drift else "dim"}">{"drift" if column.drift else ""}</span></figcaption>'
        f"{bar_chart(bars[column.name], title=f'{column.name[:80]}: reference and current')}<p>{_words(column)}</p></figure>"
        for column in drawn
    )
    left = len([column for column in columns if column.name in bars]) - len(drawn)
    note = f'<p class="dim">{left} more columns, none of them further away, are in the table only.</p>' if left else ""
    key = '<p class="dim"><span class="key a"></span>reference<span class="key b"></span>current; share of rows</p>'
    return f'<h2>How the values lie</h2>{key}<div class="charts">{figures}</div>{note}'


def _words(column: ColumnDrift) -> str:
    texts = [_short(column), f"p {_p(column.p_value if column.p_value is not None else column.chi2_p)}"]
    if column.psi is not None:
        texts.append(f"PSI {column.psi:.2f} {column.psi_reading}")
    if column.mean is not None and column.kind != "flag":
        texts.append(f"mean {change(column.mean, column.kind)}")
    if column.kind == "flag":
        texts.append(f"true {change(column.mean, 'share')}")
    if column.missing[0] != column.missing[1]:
        texts.append(f"missing {change(column.missing, 'share')}")
    if column.new_categories:
        texts.append(f"new: {_cut(', '.join(column.new_categories[:3]), 60)}")
    return " · ".join(text for text in texts if text)


def _table(columns: Sequence[ColumnDrift], within: Mapping[str, float]) -> str:
    head = "".join(f'<th scope="col" class="{"text" if name in _TEXT else ""}">{name}</th>' for name in _HEAD)
    body = "".join(_row(column, within.get(column.name)) for column in columns[:MOST_ROWS])
    left = len(columns) - MOST_ROWS
    note = f'<p class="dim">{left} more columns, none of them graver, are in the JSON output only.</p>' if left > 0 else ""
    said = '<p class="dim">Distance is KS; for choices and flags, Jensen-Shannon.'
    said += " ± where a column was counted in bins: the true KS lies no further above.</p>" if within else "</p>"
    return f'<h2>Every column</h2>{said}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}'


def _row(column: ColumnDrift, within: float | None) -> str:
    p_value = column.p_value if column.p_value is not None else column.chi2_p
    far = distance(column)
    bar = f'<i style="width:{60 * far:.0f}px"></i>{far:.3f}{f" ±{within:.1g}" if within else ""}' if far is not None else "–"
    cells = (
        f'<td class="text name">{_cut(column.name, 120)}</td>',
        f'<td class="text">{escape(column.kind)}</td>',
        f'<td class="text far">{bar}</td>',
        f"<td>{_p(p_value)}</td><td>{_figure(column.psi)}</td>",
        f'<td class="text">{escape(column.psi_reading or "–")}</td>',
        f"<td>{_figure(column.wasserstein_normalised)}</td><td>{_figure(column.jensen_shannon)}</td>",
        f"<td>{change(column.mean, column.kind)}</td><td>{spread(column)}</td><td>{change(column.missing, 'share')}</td>",
    )
    return f"<tr{' class=drift' if column.drift else ''}>{''.join(cells)}</tr>"


def spread(column: ColumnDrift) -> str:
    """The standard deviations of both sides in words; of dates, in days."""
    if column.kind != "date" or column.std is None:
        return change(column.std, "number")
    return change([None if value is None else value / 86_400 for value in column.std], "days")


def _short(column: ColumnDrift) -> str:
    if column.ks is not None:
        return f"KS {column.ks:.3f}"
    return f"JS {column.jensen_shannon:.3f}" if column.jensen_shannon is not None else ""


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else number_text(value)


def _p(value: float | None) -> str:
    return "–" if value is None else "&lt; 0.0001" if value < 0.0001 else f"{value:.4f}"


def change(pair: Sequence[float | None] | None, kind: str) -> str:
    """Two values in words, of a column of this kind, or of a "share" or a number of "days"; one where they read alike, a dash for none."""
    if pair is None or pair[0] is None or pair[1] is None:
        return "–"
    texts = [f"{value:.1%}" if kind == "share" else edge_text(value, kind) for value in pair if value is not None]
    changed = texts[0] if texts[0] == texts[1] else f"{texts[0]} → {texts[1]}"
    return f"{changed} d" if kind == "days" else changed


def _cut(text: str, most: int) -> str:
    return escape(text if len(text) <= most else text[: most - 1] + "…")
