/** What the pages of sessions and wallet have beyond the page's own style sheet. */
export const walletStyle = `
.wallet{display:grid;gap:1rem;grid-template-columns:minmax(0,1fr);max-width:40rem;width:100%;margin-inline:auto}
.wallet form,.wallet .stack{display:grid;grid-template-columns:minmax(0,1fr);gap:.75rem}
.wallet label{display:grid;gap:.25rem;font-size:1rem;font-weight:600;color:var(--ink)}
.wallet label small{font-weight:400}
.wallet input,.wallet textarea{font:inherit;width:100%;min-height:2.75rem;padding:.5rem .7rem;border:1px solid var(--soft);border-radius:10px;background:var(--paper);color:var(--ink);font-weight:400}
.wallet textarea{min-height:5rem;resize:vertical}
.wallet input[aria-invalid=true]{border-color:var(--warn);border-width:2px}
.wallet .actions{display:flex;flex-wrap:wrap;gap:.5rem;list-style:none;padding:0}
.wallet .actions li{flex:1 1 auto}
.wallet .button,.wallet button.main{display:grid;place-items:center;min-height:2.75rem;padding:.5rem .75rem;border:0;border-radius:12px;background:var(--strong);color:var(--on-strong);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
.wallet button{min-height:2.75rem}
.wallet button[disabled]{opacity:.6;cursor:default}
.wallet .address{font-family:ui-monospace,monospace;font-size:.9375rem;overflow-wrap:anywhere;direction:ltr;unicode-bidi:isolate}
.wallet .code{font-family:ui-monospace,monospace;font-size:1.75rem;letter-spacing:.08em;direction:ltr;unicode-bidi:isolate}
.wallet .qr{display:block;width:min(100%,18rem);margin-inline:auto;background:#fff;border-radius:12px;padding:.25rem}
.wallet .error{padding:.6rem .8rem;border-inline-start:4px solid var(--warn);background:var(--warn-paper);border-radius:6px}
.wallet .good{padding:.6rem .8rem;border-inline-start:4px solid var(--neighbours);border-radius:6px;background:var(--paper)}
.wallet .moves{list-style:none;min-width:0;padding:0;display:grid;gap:.75rem}
.wallet .moves li{min-width:0;overflow-wrap:anywhere;padding-block-start:.6rem;border-block-start:1px solid var(--line)}
.wallet .moves li:first-child{border:0;padding-block-start:0}
.wallet .state{font-weight:600}
.wallet .state.failed{color:var(--warn)}
.wallet ol.words{columns:2;font-family:ui-monospace,monospace;font-size:1.0625rem;line-height:1.9;direction:ltr;margin:0;padding-inline-start:2.25rem}
.wallet video{width:100%;border-radius:12px;background:#000}
.wallet dl{display:grid;gap:.15rem;margin:0}
.wallet dt{color:var(--soft);font-size:.875rem;margin-block-start:.4rem}
.wallet dd{margin:0;overflow-wrap:anywhere}
.wallet pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;padding:.7rem;background:var(--paper);border-radius:8px;font-size:.875rem}
.wallet .certificate{display:block;height:auto;width:min(100%,24rem);margin-inline:auto;border-radius:14px}
.wallet .leave{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1rem;justify-content:space-between;font-size:.875rem;color:var(--soft)}
@media print{.top,footer,.skip,.noprint{display:none!important}.wallet section{border:0}}
`
