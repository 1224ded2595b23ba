"""A document as one HTML page that needs nothing else, for the screen and for paper."""

from __future__ import annotations

from html import escape

from farero.core.document import Block, Cell, Document, Drawn, Facts, Heading, Items, Notice, Plain, Table

_STYLE = """
:root{color-scheme:light dark;--bg:#fcfcfb;--ink:#1d2433;--dim:#5d6779;--rule:#e4e7ec;--card:#fff;--now:#0b6e99;--bad:#b42318;
--badbg:#fef3f2}
@media(prefers-color-scheme:dark){:root{--bg:#101418;--ink:#e6e9ee;--dim:#98a2b3;--rule:#2b323b;--card:#161b21;--now:#4cc2f1;--bad:#fda29b;
--badbg:#2c1614}}
*{box-sizing:border-box}body{margin:0 auto;max-width:980px;padding:2rem 1.25rem 4rem;background:var(--bg);color:var(--ink);
font:15px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.4rem 0}.dim{color:var(--dim)}
.notice{border:1px solid var(--bad);border-left-width:6px;border-radius:8px;background:var(--badbg);padding:.7rem 1rem;margin:1rem 0}
ul{margin:.4rem 0;padding-left:1.2rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.88rem}
th,td{text-align:left;padding:.32rem .55rem;border-bottom:1px solid var(--rule);vertical-align:top}
th{font-weight:600;color:var(--dim);font-size:.8rem}.right{text-align:right;white-space:nowrap}
dl{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.25rem 1.2rem;margin:.4rem 0}dt{color:var(--dim)}dd{margin:0}
pre{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:.7rem 1rem;overflow-x:auto;font-size:.82rem}
.whisker{width:160px;height:16px;display:block}.grid{stroke:var(--rule);stroke-width:1.2;fill:none}
.reach{stroke:var(--now);stroke-width:1.6;fill:none}.dot{fill:var(--now)}
@media print{:root{--bg:#fff;--card:#fff;--ink:#000}body{max-width:none;padding:0;font-size:11px}svg,tr,dl{break-inside:avoid}
h2{break-after:avoid}pre{white-space:pre-wrap}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def page(document: Document) -> str:
    """The whole page."""
    title = escape(document.title)
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
            f'<p class="dim">{escape(document.under)}</p>',
            *(_block(block) for block in document.blocks),
            "</body></html>",
        ]
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text=text):
            return f"<h2>{escape(text)}</h2>"
        case Plain(text=text, verbatim=True):
            return f"<pre>{escape(text)}</pre>"
        case Plain(text=text):
            return f"<p>{escape(text)}</p>"
        case Notice(text=text):
            return f'<p class="notice"><b>{escape(text)}</b></p>'
        case Items(items=items):
            return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"
        case Facts(facts=facts):
            return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in facts)}</dl>"
        case Table():
            return _table(block)


def _table(table: Table) -> str:
    css = [' class="right"' if at in table.right else "" for at in range(len(table.heads))]
    heads = "".join(f'<th scope="col"{kind}>{escape(head)}</th>' for kind, head in zip(css, table.heads, strict=True))
    rows = "".join(
        f"<tr>{''.join(f'<td{kind}>{_cell(cell)}</td>' for kind, cell in zip(css, row, strict=True))}</tr>" for row in table.rows
    )
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: Cell) -> str:
    return cell.svg if isinstance(cell, Drawn) else escape(cell)
