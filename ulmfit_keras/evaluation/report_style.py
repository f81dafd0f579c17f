"""The style sheet of the report: light, dark and printed."""

_LIGHT = """
--page: #f5f6f9; --panel: #ffffff; --ink: #1b2130; --muted: #667085;
--line: #e1e5ec; --accent: #2f6bdb; --warm: #cf6316; --good: #1a7f55;
--accent-rgb: 47 107 219; --warm-rgb: 226 120 35; --good-rgb: 26 127 85;
"""
_DARK = """
--page: #10131a; --panel: #191e28; --ink: #e8ebf1; --muted: #9aa4b5;
--line: #2c3340; --accent: #74a7ff; --warm: #f29b5c; --good: #56c694;
--accent-rgb: 96 152 255; --warm-rgb: 240 140 66; --good-rgb: 86 198 148;
"""

STYLE = f"""
:root {{ color-scheme: light dark; {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
* {{ box-sizing: border-box; }}
body {{
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
    "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}}
main {{ max-width: 1040px; margin: 0 auto; padding: 40px 20px 64px; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0; }}
h1, h2, h3 {{ letter-spacing: -0.01em; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.3rem; margin: 0 0 4px; }}
h3 {{ font-size: 1rem; margin: 22px 0 6px; }}
h3::first-letter {{ text-transform: uppercase; }}
p {{ margin: 6px 0; max-width: 76ch; }}
a {{ color: var(--accent); }}
.quiet {{ color: var(--muted); font-size: 0.92rem; }}
nav {{ margin: 14px 0 22px; font-size: 0.92rem; }}
nav a {{ display: inline-block; margin-right: 18px; text-decoration: none; }}
nav a:hover {{ text-decoration: underline; }}
section {{
  background: var(--panel); border: 1px solid var(--line);
  border-radius: 14px; padding: 24px 28px; margin-top: 18px;
}}
.verdict {{ font-size: 1.35rem; line-height: 1.4; font-weight: 600;
  margin: 0 0 8px; max-width: 60ch; overflow-wrap: anywhere; }}
.bars {{ display: grid; grid-template-columns: max-content 1fr max-content;
  gap: 10px 16px; align-items: center; margin: 20px 0 6px;
  grid-auto-flow: row dense; }}
.bars .value {{ grid-column: -2; font-variant-numeric: tabular-nums;
  font-weight: 600; text-align: right; white-space: nowrap; }}
.track {{ grid-column: 2; position: relative; height: 22px;
  border-radius: 5px; background: rgb(var(--accent-rgb) / 0.07); }}
.fill {{ position: absolute; inset: 0 auto 0 0; border-radius: 5px;
  background: var(--accent); }}
.other .fill {{ background: var(--muted); opacity: 0.55; }}
.whisker {{ position: absolute; top: 50%; height: 10px; margin-top: -5px;
  border: 2px solid var(--ink); border-width: 0 2px;
  background: linear-gradient(var(--ink), var(--ink)) center / 100% 2px
    no-repeat; }}
.tiles {{ display: grid; gap: 12px; margin-top: 20px;
  grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); }}
.tile {{ border: 1px solid var(--line); border-radius: 10px;
  padding: 10px 14px; }}
.tile b {{ display: block; font-size: 1.3rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; white-space: nowrap; }}
.tile span {{ display: block; color: var(--muted); font-size: 0.86rem; }}
.note {{ border-left: 3px solid var(--warm); padding: 2px 0 2px 12px;
  margin: 12px 0 0; overflow-wrap: anywhere; }}
.wide {{ overflow-x: auto; margin: 10px 0; }}
table {{ border-collapse: collapse; font-size: 0.92rem; min-width: 320px; }}
th {{ text-align: left; color: var(--muted); font-weight: 500;
  font-size: 0.84rem; vertical-align: bottom; }}
th, td {{ padding: 5px 18px 5px 0; border-bottom: 1px solid var(--line); }}
td {{ overflow-wrap: break-word; vertical-align: top; max-width: 460px; }}
tr:last-child td {{ border-bottom: 0; }}
.number {{ text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }}
.words {{ display: inline-block; min-width: 9em; white-space: normal;
  overflow-wrap: anywhere; }}
.meter {{ display: inline-block; width: 90px; height: 8px; margin-left: 10px;
  border-radius: 4px; background: rgb(var(--accent-rgb) / 0.13); }}
.meter i {{ display: block; height: 100%; border-radius: 4px;
  background: var(--accent); }}
.columns {{ display: grid; gap: 8px 44px; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }}
.columns > div {{ min-width: 0; }}
svg {{ display: block; margin: 8px 0; height: auto; }}
svg * {{ stroke-linejoin: round; stroke-linecap: butt; }}
.example {{ border-top: 1px solid var(--line); padding: 14px 0 12px; }}
.example:first-of-type {{ border-top: 0; }}
.chips {{ display: flex; flex-wrap: wrap; gap: 6px 8px; align-items: center;
  font-size: 0.86rem; }}
.chip {{ border-radius: 999px; padding: 1px 10px; overflow-wrap: anywhere;
  background: rgb(var(--accent-rgb) / 0.13); }}
.chip.wrong {{ background: rgb(var(--warm-rgb) / 0.2); }}
.chip.right {{ background: rgb(var(--good-rgb) / 0.17); }}
.chips .where {{ margin-left: auto; color: var(--muted); }}
blockquote {{ margin: 8px 0 0; white-space: pre-wrap; overflow: hidden;
  overflow-wrap: anywhere; max-height: 30em; unicode-bidi: isolate; }}
mark {{ color: inherit; border-radius: 3px; padding: 1px 0;
  background: rgb(var(--accent-rgb) / calc(var(--w) * 0.5));
  box-shadow: inset 0 -2px rgb(var(--accent-rgb) / var(--w)); }}
mark.against {{
  background: rgb(var(--warm-rgb) / calc(var(--w) * 0.5));
  box-shadow: none; text-decoration: underline dashed 1px
    rgb(var(--warm-rgb) / var(--w)); text-underline-offset: 3px; }}
.cut {{ color: var(--muted); }}
footer {{ color: var(--muted); font-size: 0.86rem; margin-top: 26px; }}
@media (max-width: 600px) {{
  main {{ padding: 22px 10px 40px; }}
  section {{ padding: 18px 16px; }}
  .bars {{ grid-template-columns: 1fr max-content; }}
  .track {{ grid-column: 1 / -1; }}
  th, td {{ padding-right: 10px; }}
  .meter {{ width: 48px; margin-left: 6px; }}
}}
@media print {{
  :root {{ color-scheme: light; {_LIGHT} --page: #ffffff;
    font-size: 11.5px; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  body {{ font-size: 1rem; }}
  svg {{ max-height: 9.5cm; }}
  main {{ max-width: none; padding: 0; }}
  nav {{ display: none; }}
  section {{ border: 0; border-top: 1px solid var(--line);
    border-radius: 0; padding: 14px 0; }}
  .example, .tile, figure, svg, tr, .bars {{ break-inside: avoid; }}
  h2, h3 {{ break-after: avoid; }}
  .wide {{ overflow: visible; }}
}}
"""
