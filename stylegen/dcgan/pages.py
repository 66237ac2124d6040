"""One web page in one file, light or dark as the reader's system is: pictures, charts and styles are within it.

The page asks for nothing from outside, and says so to the browser. Whatever text comes in is escaped.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLE = """
:root { color-scheme: light dark; --back: #fbfaf8; --card: #ffffff; --ink: #1d1f23; --soft: #5c626b; --faint: #e2e0db;
  --good: #1d7a46; --bad: #b3261e; --line0: #1f6fb5; --line1: #c2570c; --line2: #2e7d4f; --line3: #8a4fb0; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15171a; --card: #1d2024; --ink: #e7e6e3; --soft: #a0a6af; --faint: #33373d;
    --good: #6fce98; --bad: #ff8a80; --line0: #6fb3f2; --line1: #f2a365; --line2: #7fd0a0; --line3: #c9a0ea; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 12px; padding-top: 12px; border-top: 1px solid var(--faint); }
h3 { font-size: 14px; margin: 0; }
p { margin: 6px 0; max-width: 78ch; }
.soft, figcaption { color: var(--soft); }
nav { margin: 16px 0 0; display: flex; flex-wrap: wrap; gap: 4px 16px; }
nav a { color: var(--line0); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 20px 0; padding: 0; }
.tiles > div, .chart, .picture, .table { background: var(--card); border: 1px solid var(--faint); border-radius: 8px; }
.tiles > div { padding: 10px 14px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 0; font-size: 21px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 16px; }
.chart { margin: 0; padding: 12px 14px 6px; min-width: 0; }
.chart figcaption { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; color: var(--ink); }
.chart ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0 14px; margin: 0; padding: 0; font-size: 13px;
  color: var(--soft); }
.chart li i { display: inline-block; width: 12px; height: 3px; border-radius: 2px; margin-right: 5px;
  vertical-align: middle; }
.chart li b { color: var(--ink); font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; display: block; }
svg text { font-family: inherit !important; }
.note text { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 200px), 1fr)); gap: 14px; }
.picture { margin: 0; padding: 8px; }
.picture img { width: 100%; height: auto; display: block; image-rendering: pixelated; border-radius: 3px; }
.picture figcaption { font-size: 13px; margin-top: 4px; }
.large { max-width: 560px; margin-bottom: 14px; }
.table { overflow-x: auto; margin: 10px 0; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 5px 14px; border-bottom: 1px solid var(--faint); vertical-align: top; }
td:first-child { white-space: nowrap; }
th + td { overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { width: 220px; }
tr:last-child > * { border-bottom: 0; }
td.figure, th.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.good { color: var(--good); } .bad { color: var(--bad); }
footer { margin-top: 40px; color: var(--soft); font-size: 13px; }
@media print { nav { display: none; } .chart, .picture, tr { break-inside: avoid; } }
"""


def page(title: str, body: str) -> str:
    """Returns the whole page.

    Args:
        title: Its name, as text.
        body: Its content, as HTML.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'
    )


def heading(text: str) -> str:
    """Returns the main heading."""
    return f'<h1>{escape(text)}</h1>'


def sections(parts: Mapping[str, str]) -> str:
    """Returns the sections that are not empty, each with its title, and links to them."""
    kept = {title: content for title, content in parts.items() if content}
    names = {title: '-'.join(title.lower().split()) for title in kept}
    links = ''.join(f'<a href="#{names[title]}">{escape(title)}</a>' for title in kept)
    bodies = (
        f'<section id="{names[title]}"><h2>{escape(title)}</h2>\n{content}\n</section>'
        for title, content in kept.items()
    )
    return f'<nav>{links}</nav>\n' + '\n'.join(bodies)


def tiles(facts: Mapping[str, str]) -> str:
    """Returns the tiles of the most important numbers."""
    return '<dl class="tiles">' + ''.join(
        f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>' for name, value in facts.items()
    ) + '</dl>'  # fmt: skip


def pairs(facts: Mapping[str, object]) -> str:
    """Returns a table of names and values."""
    rows = ''.join(f'<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>' for name, value in facts.items())
    return f'<div class="table"><table><tbody>{rows}</tbody></table></div>' if rows else ''


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], figures: Iterable[str] = ()) -> str:
    """Returns a table with a header.

    Args:
        columns: The names of the columns.
        rows: The cells of each row.
        figures: The names of columns of numbers, which are aligned to the right.
    """
    figures = set(figures)
    kinds = [' class="figure"' if column in figures else '' for column in columns]
    head = ''.join(f'<th{kind}>{escape(column)}</th>' for column, kind in zip(columns, kinds, strict=True))
    lines = ''.join(
        '<tr>' + ''.join(f'<td{k}>{escape(str(c))}</td>' for c, k in zip(row, kinds, strict=True)) + '</tr>'
        for row in rows
    )
    if not lines:
        return ''
    return f'<div class="table"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def picture(data: bytes, kind: str, caption: str, large: bool = False) -> str:
    """Returns a picture that is embedded in the page.

    Args:
        data: The bytes of its file.
        kind: 'png', 'jpeg', 'gif' or 'webp'.
        caption: The text below it.
        large: Wider than those of a row.
    """
    source = f'data:image/{kind};base64,{base64.b64encode(data).decode("ascii")}'
    style, text = 'picture large' if large else 'picture', escape(caption)
    return f'<figure class="{style}"><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def paragraph(text: str, kind: str = '') -> str:
    """Returns a paragraph; `kind` is a class of the style: 'soft', 'good' or 'bad'."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f'<p>{escape(text)}</p>'


def flat(settings: Mapping[str, Any], skip: Iterable[str] = (), before: str = '') -> dict[str, str]:
    """Flattens nested settings to names with dots; lists become text with commas."""
    found: dict[str, str] = {}
    for name, value in settings.items():
        if name in skip:
            continue
        if isinstance(value, Mapping):
            found |= flat(value, before=f'{before}{name}.')
        elif isinstance(value, (list, tuple)):
            found[f'{before}{name}'] = ', '.join(map(str, value)) or 'none'
        else:
            found[f'{before}{name}'] = 'none' if value is None else str(value)
    return found


def duration(seconds: float) -> str:
    """Formats a duration in seconds, minutes or hours."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f'{seconds:.0f} s'
    return f'{minutes} min' if minutes < 120 else f'{minutes // 60} h {minutes % 60} min'
