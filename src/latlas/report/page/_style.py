"""The page's style sheet: light or dark by the reader's setting, one column on a telephone."""

from latlas.report.drawing._theme import DARK, LIGHT, Theme


def _variables(theme: Theme) -> str:
    return f"--text:{theme.text};--muted:{theme.muted};--grid:{theme.grid};--surface:{theme.surface};"


_LIGHT = _variables(LIGHT) + "--page:#f3f4f2;--good:#00684c;--bad:#a04000;--link:#005a8e;"
_DARK = _variables(DARK) + "--page:#0e1115;--good:#4cc9a0;--bad:#ff9a57;--link:#7cc4f0;"

STYLE = (
    f":root{{color-scheme:light dark;{_LIGHT}}}\n"
    f"@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}\n"
    f"@media print{{:root{{color-scheme:light;{_LIGHT}}}}}\n"
    """*{box-sizing:border-box}
body{margin:0;padding:clamp(1rem,3vw,2.5rem) clamp(.75rem,3vw,2rem);background:var(--page);color:var(--text);
font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header,main{max-width:76rem;margin:0 auto}
h1{font-size:clamp(1.5rem,1.1rem + 1.8vw,2.2rem);line-height:1.2;margin:0 0
1.25rem;letter-spacing:-.01em;text-wrap:balance; overflow-wrap:anywhere}
h2{font-size:1.1rem;line-height:1.3;margin:0 0 .5rem}
p{margin:0 0 .9rem}
a{color:var(--link)}
code{font:.9em ui-monospace,"SF Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem 2.5rem;margin:0 0 1.75rem}
.tiles dt{color:var(--muted);font-size:.85rem}
.tiles dd{margin:0;font-size:1.3rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.badge{display:inline-block;vertical-align:.2em;margin-left:.3em;padding:.05rem .5rem;border:1px solid
currentColor; border-radius:1rem;font-size:.75rem;font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}.unknown{color:var(--muted)}
.badge.serious{background:var(--bad);border-color:var(--bad);color:var(--surface)}
.badge.warning{color:var(--bad)}.badge.note{color:var(--muted);border-style:dashed}
.summary{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.25rem
3rem;margin:0 0 2rem} .summary>div{max-width:40rem}
.summary h2:not(:first-child){margin-top:1.5rem}
.verdict{padding:.1rem 0 .1rem .9rem;border-left:3px solid currentColor}
.links{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:0;padding:0;list-style:none}
.figures{columns:2;column-gap:1.25rem}
figure,.missing,.card,details{margin:0 0 1.25rem;padding:1.1rem 1.25rem;background:var(--surface);border:1px solid
var(--grid); border-radius:.6rem}
figure{break-inside:avoid;scroll-margin-top:1rem}
.wide{column-span:all;margin-top:1.25rem}
figcaption{margin-top:.6rem;color:var(--muted);font-size:.9rem;line-height:1.45}
.picture svg{display:block;width:100%;height:auto;margin:0 auto}
.picture svg *{stroke-linejoin:round;stroke-linecap:butt}
.card{scroll-margin-top:1rem}.card>p{max-width:60rem}
.log{margin:0;padding-left:1.4rem}.log li{margin:0 0 .6rem;overflow-wrap:anywhere}
.banner{margin:0 0 1.5rem;padding:.9rem 1.25rem;background:var(--surface);border:1px solid currentColor;
border-left-width:.6rem;border-radius:.6rem}
.banner p{margin:.3rem 0 0;color:var(--text);max-width:60rem}.banner .word{font-size:1.5rem;font-weight:700;margin:0;
color:inherit}.banner.warning{color:var(--bad);border-left-style:double}
.banner.bad .word{display:inline-block;padding:0 .6rem;border-radius:.4rem;background:var(--bad);color:var(--surface)}
.parameters{overflow-x:auto}.parameters th,.parameters td{width:auto;text-align:right;white-space:nowrap}
.parameters th:first-child{text-align:left;color:var(--text)}.parameters td{font-variant-numeric:tabular-nums}
.stacked td:nth-child(1){width:22%}.stacked td:nth-child(2),.stacked td:nth-child(3){width:7rem}
.stacked th{width:auto}
.stacked :is(td,th):nth-child(3){padding-right:2rem}
.stacked .number,.stacked th:nth-child(2),.stacked th:nth-child(3){text-align:right}
.numbers th,.numbers td{width:auto;text-align:right}.numbers caption{text-align:left}
.number,.numbers{font-variant-numeric:tabular-nums;white-space:nowrap}
main>.missing,main>details{margin-top:1.25rem}
.verdict code{white-space:nowrap}
.missing ul{margin:0;padding-left:1.1rem}
summary{cursor:pointer;font-weight:600}
.tables .number{text-align:right}
.tables{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.25rem
2rem;margin-top:1rem} table{border-collapse:collapse;width:100%;font-size:.9rem;align-self:start}
caption{text-align:left;font-weight:600;padding-bottom:.3rem}
th,td{padding:.25rem .75rem .25rem 0;border-top:1px solid
var(--grid);text-align:left;vertical-align:top;font-weight:400; overflow-wrap:anywhere}
th{color:var(--muted);width:45%}
@media (max-width:60rem){.figures{columns:1}}
@media (max-width:45rem){.stacked thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.stacked,.stacked tbody,.stacked tr{display:block;width:100%}
.stacked tr{padding:.6rem 0;border-top:1px solid var(--grid)}
.stacked td,.stacked td:nth-child(n){display:flex;gap:.75rem;width:auto;border:0;padding:.15rem 0;text-align:left}
.stacked td::before{content:attr(data-label);flex:0 0 6.5rem;color:var(--muted)}
.stacked td>div{min-width:0}}
@media (max-width:30rem){figure,.missing,.card,details{padding:.8rem}}
"""
)
