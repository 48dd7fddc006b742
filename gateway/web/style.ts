/** The pages' one style sheet. Sides are logical, so that it is right in Arabic too; below 700 px a table's row is a card. */
export const style = `:root{
color-scheme:light dark;
--paper:#f6f5f0;--surface:#fff;--ink:#1b2420;--soft:#53605a;--line:#dedcd3;--link:#0b5d43;--strong:#14543f;--on-strong:#fff;
--sun:#b97800;--own:#c27c00;--neighbours:#1c8a67;--grid:#5d7396;--warn:#8a3b12;--warn-paper:#fdf1e7;
}
@media (prefers-color-scheme:dark){:root{
--paper:#111614;--surface:#19201d;--ink:#e6ebe8;--soft:#a2afa9;--line:#2f3935;--link:#74d3ae;--strong:#74d3ae;--on-strong:#0c1a15;
--sun:#f3b73f;--own:#e9ab2f;--neighbours:#3fbf93;--grid:#8ea6cd;--warn:#ffb88a;--warn-paper:#2c1f17;
}}
*{box-sizing:border-box}
[hidden]{display:none!important}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:0 1rem 3rem;max-width:64rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,"Noto Sans","Noto Sans Arabic","Noto Sans Devanagari",sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
h1,h2,h3,p,figure,dl,dd,ul,ol{margin:0}
h1{font-size:1.625rem;line-height:1.2;text-wrap:balance}
h2{font-size:1.25rem;line-height:1.3}
h3{font-size:1rem}
h1:not(:lang(ar),:lang(hi)),h2:not(:lang(ar),:lang(hi)){letter-spacing:-.01em}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
main:focus{outline:none}
abbr{text-decoration:none}
code{font-family:ui-monospace,monospace;font-size:.875em;overflow-wrap:anywhere}
ul,ol{padding-inline-start:1.2rem}
.skip{position:absolute;inset-inline-start:1rem;top:-4rem;padding:.5rem 1rem;background:var(--surface);border-radius:0 0 8px 8px;z-index:1}
.skip:focus{top:0}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.note,small,caption,footer,.unit{color:var(--soft);font-size:.875rem}
.unknown{color:var(--soft);font-style:italic;font-weight:400}
:lang(ar) .unknown,:lang(hi) .unknown{font-style:normal}
small{display:block;font-weight:400}

.top{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1.5rem;padding:1rem 0 .75rem}
.brand{display:flex;align-items:center;gap:.65rem;font-weight:650;color:inherit;text-decoration:none}
.brand img{flex:none;border-radius:8px}
.top nav{max-width:100%}
.top nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.15rem .25rem;margin-inline-start:-.6rem}
.top nav a{display:block;padding:.4rem .6rem;border-radius:8px;text-decoration:none;color:var(--ink)}
.top nav a:hover{background:var(--line)}
.top nav a[aria-current]{color:var(--link);font-weight:650;box-shadow:inset 0 -2px 0 var(--link);border-radius:8px 8px 0 0}
.offline{padding:.6rem .8rem;margin-bottom:.75rem;border-inline-start:4px solid var(--warn);background:var(--warn-paper);border-radius:6px}

main{display:grid;gap:1rem;grid-template-columns:minmax(0,1fr)}
section{padding:1.1rem 1rem;background:var(--surface);border:1px solid var(--line);border-radius:14px;display:grid;gap:.75rem;min-width:0;grid-template-columns:minmax(0,1fr);align-content:start}
.lead{font-size:1.125rem;text-wrap:pretty}
.lead b,.lead strong{white-space:nowrap}
.warning{padding:.6rem .8rem;border-inline-start:4px solid var(--warn);background:var(--warn-paper);border-radius:6px;font-size:.9375rem}
.warning h3{color:var(--warn)}
.big{font-size:2.25rem;line-height:1.15;font-weight:650;letter-spacing:-.02em}
.big small{display:inline;font-size:1rem;letter-spacing:0}
.button,button{font:inherit;display:inline-block;color:var(--ink);background:transparent;border:1px solid var(--soft);border-radius:999px;padding:.35rem 1rem;min-height:2.25rem;cursor:pointer;text-decoration:none}
.button.main,button.main{background:var(--strong);border-color:var(--strong);color:var(--on-strong);font-weight:600}
.row{display:flex;flex-wrap:wrap;gap:.5rem .75rem;align-items:center}
.spread{justify-content:space-between}

.now{display:grid;gap:1rem;align-items:center}
.flow{width:100%;max-width:24rem;margin:0 auto;display:block}
.flow circle{fill:var(--surface);stroke:currentColor;stroke-width:1.5}
.flow .sun{color:var(--sun)}.flow .home{color:var(--link)}.flow .neighbours{color:var(--neighbours)}.flow .grid{color:var(--grid)}
.flow text{fill:var(--ink);font-size:13px}
.flow .figure{font-weight:650}
.flow .label{fill:var(--soft);font-size:11px}
.line{fill:none;stroke:currentColor;stroke-width:3;stroke-linecap:round;stroke-dasharray:1 9;animation:run 1.6s linear infinite}
.line.still{color:var(--line);stroke-width:2;animation:none;stroke-dasharray:none}
.line.slow{animation-duration:2.4s}
.line.fast{animation-duration:.9s;stroke-width:4}
@keyframes run{from{stroke-dashoffset:20}to{stroke-dashoffset:0}}
@media (prefers-reduced-motion:reduce){.line{animation:none;stroke-dasharray:none}}

.figures{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.75rem 1rem}
.figures div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.figures dt{color:var(--soft);font-size:.875rem;line-height:1.3}
.figures dd{font-weight:650;font-size:1.125rem}
.own,.sun{fill:var(--own)}.received,.given{fill:var(--neighbours)}.fromGrid,.toGrid{fill:var(--grid)}
.figures dt::before{content:"";display:inline-block;width:.7rem;height:.7rem;border-radius:2px;margin-inline-end:.4rem}
.figures .own dt::before,.figures .generated dt::before{background:var(--own)}
.figures .received dt::before,.figures .given dt::before{background:var(--neighbours)}
.figures .fromGrid dt::before,.figures .toGrid dt::before{background:var(--grid)}
.figures .used dt::before,.figures .plain dt::before{display:none}

.chart figcaption{font-weight:600;margin-bottom:.25rem}
.chart .unit{font-weight:400}
.plot{padding-inline-start:2.25rem}
.plot svg{display:block;overflow:visible}
.plot text{fill:var(--soft);font-size:12px}
.tick{stroke:var(--line)}
.zero-line{stroke:var(--soft)}
.hit{fill:transparent}
.bar:hover .hit,.bar.chosen .hit{fill:var(--line);opacity:.6}
.gap{fill:none;stroke:var(--soft);stroke-dasharray:2 3}
.readout{min-height:1.5em;font-size:.875rem;color:var(--soft)}
.readout:empty{display:none}
.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.15rem 1rem;font-size:.875rem;color:var(--soft)}
.swatch{margin-inline-end:.4rem;vertical-align:-1px}

.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:start;padding-bottom:.4rem}
th{text-align:start;font-weight:600}
thead th{font-size:.8125rem;color:var(--soft);vertical-align:bottom;line-height:1.25}
td,th{padding:.55rem .6rem;vertical-align:top;border-bottom:1px solid var(--line)}
td:first-child,th:first-child{padding-inline-start:0}
td:last-child,th:last-child{padding-inline-end:0}
tbody:last-child tr:last-child>*,tfoot tr>*{border-bottom:0}
tfoot td,tfoot th{font-weight:600}
.energy td,.energy thead th:not(:first-child),td.amount,th.amount{text-align:end}
.energy td,.energy th{padding-block:.35rem}
.zero{color:var(--soft)}
.refusal,.remark{color:var(--warn)}
summary{cursor:pointer;padding:.35rem 0;color:var(--link)}
.reasons{list-style:none;padding:0;display:grid;gap:.35rem;font-size:.9375rem}
.reasons b{display:block}
.steps,.steps>li,.facts{display:grid;grid-template-columns:minmax(0,1fr)}
.steps{list-style:none;padding:0;gap:1rem}
.steps>li{border-inline-start:3px solid var(--line);padding-inline-start:.9rem;gap:.35rem}
.facts{gap:.5rem}
.facts dt{color:var(--soft);font-size:.875rem}
pre{margin:0;padding:.75rem;background:var(--paper);border:1px solid var(--line);border-radius:8px;overflow-x:auto;font-size:.8125rem}
label{display:grid;gap:.2rem;font-size:.875rem;color:var(--soft)}
input,select{font:inherit;color:var(--ink);background:var(--paper);border:1px solid var(--soft);border-radius:8px;padding:.4rem .6rem;min-height:2.5rem;max-width:100%}

footer{margin-top:1.75rem;display:grid;gap:.75rem}
footer ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.1rem .35rem;margin-inline-start:-.4rem}
footer a{display:inline-block;padding:.25rem .4rem;min-height:1.75rem}
footer [aria-current]{color:var(--ink);font-weight:600;text-decoration:none}

@media (min-width:700px){
section{padding:1.5rem 1.75rem}
.now{grid-template-columns:1fr 1fr}
.figures{grid-template-columns:repeat(3,minmax(0,1fr))}
.figures.four{grid-template-columns:repeat(4,minmax(0,1fr))}
.reasons{grid-template-columns:1fr 1fr;gap:.6rem 2rem}
}
@media (max-width:699px){
.top nav{order:3;width:100%}
table.cards,.cards tbody,.cards tfoot,.cards tr,.cards caption{display:block}
.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cards tr{padding:.75rem 0;border-top:1px solid var(--line);display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.35rem 1rem}
.cards td,.cards th,.cards td:first-child,.cards th:first-child{display:block;padding:0;border:0;text-align:start}
.cards tbody th,.cards tfoot th,.cards .wide{grid-column:1/-1}
.cards td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.8125rem;line-height:1.25;font-weight:400}
}
@media (forced-colors:active){.bar rect,.swatch rect,.line{forced-color-adjust:none}}
@media print{.top nav,footer,.row.actions{display:none}section{border:0;padding:0}}
`
