/** The report's one style sheet. Below 700 px each row of a table is a card with its labels in it. */
export const style = `:root{color-scheme:light dark;--paper:#f6f5f0;--surface:#fff;--ink:#1b2420;--soft:#53605a;--line:#dedcd3;--link:#0b5d43;--good:#126b4b;--good-paper:#e8f4ee;--bad:#9c2a12;--bad-paper:#fdeee9;--open:#7a5200;--open-paper:#fbf3e0}
@media (prefers-color-scheme:dark){:root{--paper:#111614;--surface:#19201d;--ink:#e6ebe8;--soft:#a2afa9;--line:#2f3935;--link:#74d3ae;--good:#6fd3a8;--good-paper:#16291f;--bad:#ff9d80;--bad-paper:#331a13;--open:#f0c46a;--open-paper:#2a2212}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;padding:0 1rem 3rem;max-width:76rem;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
h1,h2,h3,p,ul,dl,dd{margin:0}
h1{font-size:1.5rem;line-height:1.2;letter-spacing:-.01em}
h2{font-size:1.2rem;line-height:1.3}
h3{font-size:1rem}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:4px}
code{font:.875em ui-monospace,monospace;overflow-wrap:anywhere}
header{padding:1.5rem 0 .5rem;display:grid;gap:.35rem}
nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.9375rem}
nav a{padding:.2rem 0}
small,.note,caption,footer{color:var(--soft);font-size:.875rem}
small{display:block}
.verdict{padding:1rem 1.1rem;border-radius:14px;border:1px solid;display:grid;gap:.5rem;margin:.75rem 0}
.verdict strong{font-size:1.2rem;line-height:1.3}
.verdict.good{color:var(--good);background:var(--good-paper)}
.verdict.bad{color:var(--bad);background:var(--bad-paper)}
.verdict.open{color:var(--open);background:var(--open-paper)}
.verdict p{color:var(--ink)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.75rem,1fr));gap:.75rem}
.figures>div{padding:.75rem .9rem;background:var(--surface);border:1px solid var(--line);border-radius:12px}
.figures dt{color:var(--soft);font-size:.875rem}
.figures dd{white-space:nowrap;font-size:1.1rem;font-weight:600;letter-spacing:-.01em}
section{margin-top:1rem;padding:1.1rem 1rem;background:var(--surface);border:1px solid var(--line);border-radius:14px;display:grid;gap:.7rem;grid-template-columns:minmax(0,1fr);scroll-margin-top:.5rem}
ul{padding-left:1.15rem;display:grid;grid-template-columns:minmax(0,1fr);gap:.3rem}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;padding-bottom:.4rem}
th{text-align:left;font-weight:600}
thead th{font-size:.8125rem;color:var(--soft);vertical-align:bottom;white-space:nowrap}
td,th{padding:.5rem .6rem;vertical-align:top;border-bottom:1px solid var(--line)}
td:first-child,th:first-child{padding-left:0}
td:last-child,th:last-child{padding-right:0}
tbody tr:last-child>*{border-bottom:0}
.checks th[scope=row]{font-weight:400}
.number{text-align:right;white-space:nowrap}
.good b,.good.mark{color:var(--good)}
.bad b,.bad.mark{color:var(--bad)}
.open b,.open.mark{color:var(--open)}
.mark{font-weight:700;white-space:nowrap}
.found{color:var(--bad)}
details{border-top:1px solid var(--line);padding-top:.6rem}
details:first-of-type{border-top:0}
summary{cursor:pointer;padding:.25rem 0;display:flex;flex-wrap:wrap;gap:.1rem .9rem;align-items:baseline}
summary::before{content:"+";flex:none;width:1ch;font-weight:700;color:var(--link)}
details[open]>summary::before{content:"–"}
summary::-webkit-details-marker{display:none}
details>*:not(summary){margin-top:.5rem}
dl.facts{display:grid;grid-template-columns:minmax(8rem,max-content) minmax(0,1fr);gap:.25rem 1rem}
dl.facts dt{color:var(--soft)}
footer{margin-top:1.5rem}
@media (max-width:700px){
.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cards tr{display:grid;gap:.15rem;padding:.6rem 0;border-bottom:1px solid var(--line)}
.cards tbody tr:last-child{border-bottom:0}
.cards td,.cards th{display:grid;grid-template-columns:7rem minmax(0,1fr);gap:.75rem;padding:0;border:0;text-align:left;white-space:normal}
.cards td::before,.cards th[scope=row]::before{content:attr(data-label);color:var(--soft);font-weight:400;font-size:.875rem}
.cards td>*,.cards th>*{min-width:0}
.cards.checks tr{grid-template-columns:minmax(0,1fr) auto}
.cards.checks td,.cards.checks th{display:block}
.cards.checks th{grid-column:1/-1;grid-row:2}
.cards.checks td::before,.cards.checks th::before{display:none}
.cards.checks td.number{color:var(--soft);font-size:.875rem}
.cards.checks td.number::before{display:inline;content:"looked at "}
dl.facts{grid-template-columns:minmax(0,1fr)}
dl.facts dd{margin-bottom:.4rem}
}
@media print{body{max-width:none;background:#fff}section,.figures>div{border-color:#bbb;break-inside:avoid-page}}
`
