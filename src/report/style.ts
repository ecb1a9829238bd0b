/**
 * The style sheet of all pages. Colors are variables, which plots use too; sizes are in rem, so that the reader's font size applies; pages
 * fit in 320 px.
 */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fafaf9; --card: #ffffff; --ink: #1d2025; --muted: #5c636d; --line: #e4e5e8; --wash: #f1f2f4;
  --accent: #2f6fde; --contrast: #c2410c; --good: #15803d; --bad: #b91c1c;
  --warn-paper: #fff8e8; --warn-line: #eec46a; --edge: rgb(0 0 0 / 0.28);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121417; --card: #1a1d21; --ink: #e7e9ec; --muted: #9ba3ad; --line: #2c3137; --wash: #23272c;
    --accent: #7ba8f8; --contrast: #fb9a54; --good: #4ade80; --bad: #f98080;
    --warn-paper: #2a2314; --warn-line: #7d6224; --edge: rgb(0 0 0 / 0.85);
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 70rem; padding: 2.5rem 1.5rem 3rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1, h2, h3, p, ul, dl, dd, figure, table { margin: 0; padding: 0; }
h1 { font-size: clamp(1.6rem, 1.2rem + 2vw, 2.25rem); line-height: 1.2; letter-spacing: -0.02em; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; line-height: 1.3; letter-spacing: -0.01em; }
h3 { font-size: 1rem; line-height: 1.4; }
.muted, .lead, .note { color: var(--muted); }
.note { font-size: 0.875rem; }
.kind { display: flex; align-items: center; gap: 0.45rem; font-size: 0.9rem; font-weight: 600; margin-bottom: 1.1rem; }
.kind .muted { font-weight: 400; }
.kind .eye { color: var(--accent); }
.lead { margin-top: 0.35rem; font-size: 1.05rem; overflow-wrap: anywhere; }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2.75rem; margin-top: 2rem; }
section { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; }
section > h2 + .note { margin-top: -0.75rem; max-width: 46rem; }
.summary { font-size: 1.1rem; max-width: 46rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 0.75rem; padding: 1.1rem 1.25rem; }
.stats { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(12.5rem, 100%), 1fr)); gap: 1rem; }
.stats dt { color: var(--muted); font-size: 0.875rem; }
.stats .big { font-size: 2rem; font-weight: 650; line-height: 1.25; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.stats .big small { font-size: 0.95rem; font-weight: 400; letter-spacing: 0; color: var(--muted); }
.stats .note { font-variant-numeric: tabular-nums; }
.warning {
  background: var(--warn-paper); border: 1px solid var(--warn-line); border-radius: 0.75rem; padding: 0.8rem 1.25rem;
}
.warning ul { padding-left: 1.1rem; }
.warning li { margin-top: 0.35rem; max-width: 60rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(25rem, 100%), 1fr)); gap: 1rem; }
.plots figure { min-width: 0; }
figcaption h3 { margin-bottom: 0.1rem; }
.plots figcaption { margin-bottom: 0.75rem; }
.plots > :only-child { max-width: 40rem; }
.plot { overflow: visible; font-variant-numeric: tabular-nums; }
.table {
  overflow-x: auto; padding: 0.35rem 0;
  /* A shadow at the edge behind which columns go on: the covers scroll with the table, the shadows stay. */
  background:
    linear-gradient(to right, var(--card) 60%, transparent) left / 3rem 100% no-repeat local,
    linear-gradient(to left, var(--card) 60%, transparent) right / 3rem 100% no-repeat local,
    linear-gradient(to right, var(--edge), transparent) left / 1rem 100% no-repeat scroll,
    linear-gradient(to left, var(--edge), transparent) right / 1rem 100% no-repeat scroll,
    var(--card);
}
.table.long { max-height: 26rem; overflow-y: auto; }
.stack { display: grid; gap: 1rem; }
.table:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.95rem; }
th, td { padding: 0.45rem 1.25rem; text-align: right; vertical-align: top; }
th { font-weight: 600; }
thead th { color: var(--muted); font-size: 0.85rem; white-space: nowrap; }
th:first-child, td.text, th.text { text-align: left; }
tbody th { font-weight: 400; }
tbody tr { border-top: 1px solid var(--line); }
tbody th { min-width: 6.5rem; overflow-wrap: break-word; }
td.text, .files tbody th { min-width: 12rem; overflow-wrap: break-word; }
td.bar, th.bar { text-align: left; width: 30%; min-width: 6rem; padding-left: 0; }
.bar i { display: block; height: 0.55rem; margin-top: 0.5rem; border-radius: 0.2rem; background: var(--accent); min-width: 1px; }
td small { display: block; white-space: nowrap; }
tr.ours th, tr.ours td { font-weight: 650; }
.images { list-style: none; display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1.1rem 0.9rem; }
.images img {
  display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--wash); border-radius: 0.5rem;
}
.images figcaption { margin-top: 0.4rem; font-size: 0.875rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
.pair { display: flex; justify-content: space-between; gap: 0.5rem; }
.images .off { font-weight: 650; }
.good .off { color: var(--good); }
.bad .off { color: var(--bad); }
.file { display: block; color: var(--muted); font-size: 0.75rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.near { list-style: none; display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.3rem; margin-top: 0.35rem; }
.near li { text-align: center; font-size: 0.75rem; color: var(--muted); }
.near img, .near .gone { display: block; width: 100%; aspect-ratio: 1; border-radius: 0.3rem; background: var(--wash); }
.twins { grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.twins .sides { display: grid; grid-template-columns: 1fr 1fr; gap: 0.25rem; }
.twins .gone { display: block; aspect-ratio: 1; background: var(--wash); }
.made { display: grid; grid-template-columns: minmax(8rem, 14rem) minmax(0, 1fr); font-size: 0.95rem; }
.made dt, .made dd { padding: 0.4rem 0; border-top: 1px solid var(--line); }
.made dt { color: var(--muted); padding-right: 1rem; }
.made dd { overflow-wrap: break-word; }
.made > :nth-child(-n + 2) { border-top: 0; }
pre.card { margin: 0; overflow-x: auto; font-size: 0.875rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--muted); font-size: 0.85rem; }
@media (max-width: 34rem) {
  body { padding: 1.5rem 1rem 2rem; }
  main { gap: 2.25rem; }
  .card { padding: 0.9rem 1rem; }
  .table { padding: 0.25rem 0; }
  table { font-size: 0.9rem; }
  th, td { padding: 0.4rem 0.5rem; }
  th:first-child { padding-left: 0.9rem; }
  th:nth-last-child(2), td:nth-last-child(2) { padding-right: 0.9rem; }
  th.bar, td.bar { display: none; }
  .stats { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0.75rem; }
  .stats .card { padding: 0.75rem 0.85rem; }
  .stats .big { font-size: 1.4rem; }
  .images { grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); }
  .images.plain { grid-template-columns: repeat(auto-fill, minmax(6.2rem, 1fr)); }
  .made { grid-template-columns: minmax(0, 1fr); }
  .made dt { padding-bottom: 0; }
  .made dd { padding-top: 0; border-top: 0; }
  .made > :nth-child(2) { border-top: 0; }
  .plot { font-size: 15px; }
}
@media print {
  body { max-width: none; padding: 0; }
  .card, figure, li { break-inside: avoid; }
  .table.long { max-height: none; break-inside: auto; }
}
`;
