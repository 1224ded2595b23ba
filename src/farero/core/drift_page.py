"""A comparison of two tables as one HTML page that needs nothing else: verdict, reasons, and every column with its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from farero.core.bars import Bars, bar_chart, edge_text
from farero.core.chart import number_text
from farero.core.compare import Comparison
from farero.core.observation import ColumnDrift

MOST_CHARTS = 100
MOST_ROWS = 600
"""A table of thousands of columns would make a page that no browser likes; the columns that drifted come first."""

_STYLE = """
:root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1d2433;--dim:#5d6779;--rule:#e4e7ec;--card:#fff;--ref:#c3cad6;--now:#b54708;
--bad:#b42318;--badbg:#fef3f2;--good:#067647;--goodbg:#ecfdf3}
@media(prefers-color-scheme:dark){:root{--bg:#101418;--ink:#e6e9ee;--dim:#98a2b3;--rule:#2b323b;--card:#161b21;--ref:#465061;--now:#f79009;
--bad:#fda29b;--badbg:#2c1614;--good:#75e0a7;--goodbg:#0e2419}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1100px;padding:2rem 1.25rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .6rem}p{margin:.3rem 0}.dim{color:var(--dim)}
.verdict{border:1px solid;border-left-width:6px;border-radius:8px;padding:.8rem 1rem;margin:1.2rem 0}
.verdict b{font-size:1.15rem}.verdict.yes{border-color:var(--bad);background:var(--badbg)}.yes b,.flag{color:var(--bad)}
.verdict.no{border-color:var(--good);background:var(--goodbg)}.no b{color:var(--good)}
ul{margin:.4rem 0;padding-left:1.2rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.86rem}
th,td{text-align:right;padding:.35rem .5rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th{font-weight:600;color:var(--dim);font-size:.8rem}th.text,td.text{text-align:left}
td.name{white-space:normal;min-width:11em;max-width:16em}.flag{font-weight:700}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:.9rem}
figure{margin:0;padding:.7rem .8rem .4rem;background:var(--card);border:1px solid var(--rule);border-radius:8px;break-inside:avoid}
figure.drift{border-color:var(--bad)}figcaption{display:flex;justify-content:space-between;gap:.6rem;font-size:.85rem;margin-bottom:.4rem}
figcaption b{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
figcaption span{flex:none;white-space:nowrap}
.bars{width:100%;height:auto;display:block}.bars text{font-size:10.5px;fill:var(--dim)}.ref{fill:var(--ref)}
.now{fill:none;stroke:var(--now);stroke-width:1.8}.now.solid{fill:var(--now);stroke:none}.base{stroke:var(--dim);stroke-width:1}
.key{display:inline-block;width:1.1em;height:.7em;border-radius:2px;margin:0 .35em 0 .9em}.key.a{background:var(--ref);margin-left:0}
.key.b{background:var(--now)}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000}body{max-width:none;padding:0;font-size:11px}.verdict,figure,tr{break-inside:avoid}
table{font-size:9px}th,td{padding:.2rem .3rem}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""

_HEAD = ("column", "kind", "", "KS", "p", "PSI", "", "Wasserstein/σ", "JS", "mean", "missing")
_TEXT = {"column", "kind", ""}


def page(found: Comparison, bars: Mapping[str, Bars], *, reference: str, current: str) -> str:
    """The whole page.

    Args:
        bars: column -> how its values lie; a column without is listed without a picture.
        reference: the first table's name.
        current: the second table's name.
    """
    title = f"{current} beside {reference}"
    columns = sorted(found.columns, key=lambda column: (not column.drift, -_distance(column)))
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            f'<p class="dim">{found.rows[0]:,} rows against {found.rows[1]:,}, {len(columns)} columns in common.</p>',
            _verdict(found),
            _list("What is unsound", [finding.because for finding in found.quality]),
            _charts(columns, bars),
            _table(columns),
            _pairs(found),
            "</body></html>",
        ]
    )


def _verdict(found: Comparison) -> str:
    head = "Drift found" if found.drift else "No drift found"
    price = found.to_dict()["false_alarm_rate"]
    return (
        f'<div class="verdict {"yes" if found.drift else "no"}"><b>{head}</b>'
        f"<p>{_cut(found.because, 2000)}</p>"
        f'<p class="dim">The rule {escape(found.rule)}: {escape(str(price))}.</p></div>'
    )


def _list(title: str, texts: Sequence[str]) -> str:
    if not texts:
        return ""
    more = f"<li>{len(texts) - 100} more</li>" if len(texts) > 100 else ""
    return f"<h2>{title}</h2><ul>{''.join(f'<li>{_cut(text, 400)}</li>' for text in texts[:100])}{more}</ul>"


def _charts(columns: Sequence[ColumnDrift], bars: Mapping[str, Bars]) -> str:
    drawn = [column for column in columns if column.name in bars][:MOST_CHARTS]
    if not drawn:
        return ""
    figures = "".join(
        f'<figure{" class=drift" if column.drift else ""}><figcaption><b title="{_cut(column.name, 200)}">{_cut(column.name, 80)}</b>'
        f'<span class="{"flag" if column.drift else "dim"}">{"drift" if column.drift else _short(column)}</span></figcaption>'
        f"{bar_chart(bars[column.name], title=f'{column.name[:80]}: reference and current')}</figure>"
        for column in drawn
    )
    left = len([column for column in columns if column.name in bars]) - len(drawn)
    note = f'<p class="dim">{left} more columns are in the table only.</p>' if left else ""
    key = '<p class="dim"><span class="key a"></span>reference<span class="key b"></span>current; share of rows</p>'
    return f'<h2>How the values lie</h2>{key}<div class="charts">{figures}</div>{note}'


def _table(columns: Sequence[ColumnDrift]) -> str:
    head = "".join(f'<th scope="col" class="{"text" if name in _TEXT else ""}">{name}</th>' for name in _HEAD)
    body = "".join(_row(column) for column in columns[:MOST_ROWS])
    left = len(columns) - MOST_ROWS
    note = f'<p class="dim">{left} more columns, none of them graver, are in the JSON output only.</p>' if left > 0 else ""
    return f'<h2>Every column</h2><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{note}'


def _row(column: ColumnDrift) -> str:
    p_value = column.p_value if column.p_value is not None else column.chi2_p
    cells = (
        f'<td class="text name">{_cut(column.name, 120)}</td>',
        f'<td class="text">{escape(column.kind)}</td>',
        f'<td class="text flag">{"drift" if column.drift else ""}</td>',
        f"<td>{_figure(column.ks)}</td><td>{_p(p_value)}</td><td>{_figure(column.psi)}</td>",
        f'<td class="text">{escape(column.psi_reading or "–")}</td>',
        f"<td>{_figure(column.wasserstein_normalised)}</td><td>{_figure(column.jensen_shannon)}</td>",
        f"<td>{_change(column.mean, column.kind)}</td><td>{_change(column.missing, 'share')}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _pairs(found: Comparison) -> str:
    texts = [
        f"{a} and {b}: correlation {pair.correlation[0]:.2f}, now {pair.correlation[1]:.2f}"
        for pair in found.pairs
        for a, b in [pair.names]
    ]
    return _list("Pairs that go together differently", texts)


def _distance(column: ColumnDrift) -> float:
    return max(column.ks or 0.0, column.jensen_shannon or 0.0)


def _short(column: ColumnDrift) -> str:
    return (
        f"KS {column.ks:.3f}" if column.ks is not None else f"JS {column.jensen_shannon:.3f}" if column.jensen_shannon is not None else ""
    )


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 100 else number_text(value)


def _p(value: float | None) -> str:
    return "–" if value is None else "&lt; 0.0001" if value < 0.0001 else f"{value:.4f}"


def _change(pair: Sequence[float | None] | None, kind: str) -> str:
    if pair is None or pair[0] is None or pair[1] is None:
        return "–"
    texts = [f"{value:.1%}" if kind == "share" else edge_text(value, kind) for value in pair if value is not None]
    return texts[0] if texts[0] == texts[1] else f"{texts[0]} → {texts[1]}"


def _cut(text: str, most: int) -> str:
    return escape(text if len(text) <= most else text[: most - 1] + "…")
