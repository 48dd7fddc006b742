/** The page's one style sheet. Below 700 px each row of a table is a card with its labels in it. */
export const style = `:root{
color-scheme:light dark;
--paper:#f6f5f0;--surface:#fff;--ink:#1b2420;--soft:#53605a;--line:#dedcd3;--link:#0b5d43;
--sun:#b97800;--own:#c27c00;--neighbours:#1c8a67;--grid:#5d7396;--warn:#8a3b12;--warn-paper:#fdf1e7;
}
@media (prefers-color-scheme:dark){:root{
--paper:#111614;--surface:#19201d;--ink:#e6ebe8;--soft:#a2afa9;--line:#2f3935;--link:#74d3ae;
--sun:#f3b73f;--own:#e9ab2f;--neighbours:#3fbf93;--grid:#8ea6cd;--warn:#ffb88a;--warn-paper:#2c1f17;
}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:0 1rem 3rem;max-width:72rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
h1,h2,h3,p{margin:0}
h1{font-size:1.5rem;line-height:1.2;letter-spacing:-.01em}
h2{font-size:1.25rem;line-height:1.3;letter-spacing:-.01em}
h3{font-size:1rem}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
main:focus{outline:none}
abbr{text-decoration:none}
code{font-family:ui-monospace,monospace;font-size:.9em}
.skip{position:absolute;left:1rem;top:-4rem;padding:.5rem 1rem;background:var(--surface);border-radius:0 0 8px 8px;z-index:1}
.skip:focus{top:0}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.note,small,caption,footer{color:var(--soft);font-size:.875rem}
.unknown{color:var(--soft);font-style:italic;font-weight:400}
small{display:block;font-weight:400}

header{padding:1.25rem 0 .25rem;display:grid;gap:.35rem 2rem}
.title{display:flex;align-items:center;gap:.75rem}
.title img{flex:none;border-radius:9px}
.clock,.settlement{font-size:.9375rem}
.settlement::before{content:"";display:inline-block;width:.6rem;height:.6rem;margin-right:.45rem;border-radius:50%;background:var(--neighbours)}
.trouble{padding:.6rem .8rem;margin-top:.25rem;border-left:4px solid var(--warn);background:var(--warn-paper);border-radius:6px}
.trouble::before{display:none}
.updates{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .75rem;font-size:.875rem}
.updates[hidden]{display:none}
button{font:inherit;color:var(--ink);background:transparent;border:1px solid var(--soft);border-radius:999px;padding:.2rem .85rem;min-height:2rem;cursor:pointer}

section{margin-top:1rem;padding:1.1rem 1rem;background:var(--surface);border:1px solid var(--line);border-radius:14px;display:grid;gap:.6rem;min-width:0}
.lead{font-size:1.0625rem;text-wrap:pretty}
.warning{padding:.6rem .8rem;border-left:4px solid var(--warn);background:var(--warn-paper);border-radius:6px;font-size:.9375rem}
.warning h3{color:var(--warn)}
ul{margin:0;padding-left:1.1rem}

.flow{display:grid;grid-template-columns:auto minmax(1.25rem,1fr) auto minmax(1.25rem,1fr) auto;gap:0 .35rem;align-items:center;max-width:46rem;width:100%;margin:.25rem auto}
.node{min-width:4.25rem;display:grid;justify-items:center;text-align:center;line-height:1.25}
.node svg{width:2.75rem;height:2.75rem}
.node b{font-size:1.125rem;letter-spacing:-.01em;white-space:nowrap}
.node span{color:var(--soft);font-size:.875rem}
.node.sun svg,.arrow.sun{color:var(--sun)}
.node.homes svg{color:var(--neighbours)}
.node.grid svg,.arrow.grid{color:var(--grid)}
.arrow{width:100%;height:auto;max-height:3rem;margin-bottom:1.25rem}
.arrow path{fill:currentColor}
.arrow.idle{color:var(--soft)}
.arrow.idle path{fill:none;stroke:currentColor;stroke-width:2;stroke-dasharray:2 6;stroke-linecap:round}

table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;padding-bottom:.4rem}
th{text-align:left;font-weight:600}
thead th{font-size:.8125rem;color:var(--soft);vertical-align:bottom;line-height:1.25}
td,th{padding:.55rem .6rem;vertical-align:top;border-bottom:1px solid var(--line)}
td:first-child,th:first-child{padding-left:0}
td:last-child,th:last-child{padding-right:0}
tbody:last-child tr:last-child>*,tfoot tr>*{border-bottom:0}
tfoot td,tfoot th{font-weight:600}
.homes td,.homes thead th:not(:first-child){text-align:right}
.homes tbody th{min-width:13rem}
.bar{display:block;width:100%;height:.5rem;margin:.35rem 0 .1rem;border-radius:2px}
.own{fill:var(--own)}.neighbours{fill:var(--neighbours)}.grid{fill:var(--grid)}
.remark{color:var(--warn)}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem}
.key::before{content:"";display:inline-block;width:.8rem;height:.5rem;margin-right:.4rem;border-radius:2px;background:currentColor}
.key.own::before{background:var(--own)}.key.neighbours::before{background:var(--neighbours)}.key.grid::before{background:var(--grid)}
.zero{color:var(--soft)}
.refusal{color:var(--warn)}
.batches time,.batches small,td .unknown{white-space:nowrap}
.batches td:nth-child(3) small{white-space:normal}
.gas{display:block;white-space:nowrap}
.settled .state::before{content:"✓ "}
.reasons{list-style:none;padding:0;display:grid;gap:.35rem;font-size:.9375rem}
.reasons b{display:block}
.doubts td:first-child{white-space:nowrap}
.doubts td:last-child{overflow-wrap:anywhere}
summary{cursor:pointer;padding:.35rem 0;color:var(--link)}
footer{margin-top:1.5rem;display:grid;gap:.5rem;max-width:75ch}
footer ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}
footer a{display:inline-block;padding:.15rem 0}

@media (min-width:700px){
header{grid-template-columns:1fr auto;align-items:center}
header [data-part]{grid-column:1/-1;grid-row:2}
.updates{grid-column:2;grid-row:1;justify-content:end}
section{padding:1.5rem 1.75rem}
.node svg{width:3.5rem;height:3.5rem}
.node{min-width:8rem}
.node b{font-size:1.75rem}
.reasons{grid-template-columns:1fr 1fr;gap:.6rem 2rem}
}
@media (max-width:699px){
table,tbody,tfoot,tr,caption{display:block}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tr{padding:.75rem 0;border-top:1px solid var(--line);display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.35rem 1rem}
.gas{white-space:normal}
td,th,td:first-child,th:first-child{display:block;padding:0;border:0}
tbody th,tfoot th{grid-column:1/-1}
td::before{content:attr(data-label);display:block;color:var(--soft);font-size:.8125rem;line-height:1.25;font-weight:400}
.homes td{text-align:left}
.homes tbody th,.homes tfoot th{font-size:1.0625rem}
.batches th{order:-2}.batches td:nth-child(2),.batches td:nth-child(4){order:-1}
.batches tbody th::before{content:"Batch "}
.batches td:nth-child(3),.batches td:nth-child(5),.doubts td:last-child{grid-column:1/-1}
.doubts th{order:-1}
}
@media (forced-colors:active){.bar rect,.arrow path{forced-color-adjust:none}}
`
