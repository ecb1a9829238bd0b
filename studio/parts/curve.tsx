import type { Job } from '../../src/serving/studio/protocol.js';
import { useFormat } from '../base/format.js';
import { scaleOf, ticks } from '../base/scale.js';
import { useWidth } from '../base/use-size.js';

const HEIGHT = 240;
const MARGIN = { top: 12, right: 12, bottom: 34, left: 48 };

/** The RMSE of training and validation by epoch: as lines, and as a table below. */
export function Curve({ epochs }: { readonly epochs: Job['epochs'] }) {
  const format = useFormat();
  const [ref, width] = useWidth<HTMLDivElement>();
  const rows = epochs.map(({ epoch, trainMse, valMse }) => ({
    epoch,
    train: Math.sqrt(trainMse),
    val: valMse === null ? null : Math.sqrt(valMse),
  }));
  const vals = rows.flatMap(({ val }) => (val === null ? [] : [val]));
  const all = [...rows.map(({ train }) => train), ...vals].filter(Number.isFinite);
  const best = vals.length === 0 ? undefined : rows.find(({ val }) => val === Math.min(...vals));
  const first = rows[0]!.epoch;
  const last = rows.at(-1)!.epoch;
  const pad = (Math.max(...all) - Math.min(...all)) * 0.08 || 0.5;
  const x = scaleOf([first, Math.max(last, first + 1)], [MARGIN.left, Math.max(width, 200) - MARGIN.right]);
  const y = scaleOf([Math.min(...all) - pad, Math.max(...all) + pad], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const line = (pick: (row: (typeof rows)[number]) => number | null) =>
    rows
      .flatMap(row => {
        const value = pick(row);
        return value === null || !Number.isFinite(value) ? [] : [`${x.toPx(row.epoch)},${y.toPx(value)}`];
      })
      .join(' ');
  const epochTicks = ticks(x.low, x.high, Math.max(2, Math.min(8, width / 70))).filter(Number.isInteger);

  return (
    <figure class="curve">
      <figcaption class="pair">
        <b>RMSE by epoch{format.unit && `, in${format.unit}`}</b>
        <span class="legend">
          <span class="key train">training</span> {best && <span class="key val">validation</span>}
        </span>
      </figcaption>
      <div ref={ref}>
        <svg width={Math.max(width, 200)} height={HEIGHT} role="img" aria-label={summary(rows, best, format.figure)}>
          <g class="axis">
            {ticks(y.low, y.high, 4).map(tick => (
              <g key={tick}>
                <line x1={MARGIN.left} x2={Math.max(width, 200) - MARGIN.right} y1={y.toPx(tick)} y2={y.toPx(tick)} />
                <text x={MARGIN.left - 8} y={y.toPx(tick)} dy="0.32em" text-anchor="end">
                  {format.label(tick)}
                </text>
              </g>
            ))}
            {epochTicks.map(tick => (
              <text key={tick} x={x.toPx(tick)} y={HEIGHT - MARGIN.bottom + 18} text-anchor="middle">
                {tick}
              </text>
            ))}
          </g>
          <polyline class="train" points={line(({ train }) => train)} />
          <polyline class="val" points={line(({ val }) => val)} />
          {rows.length === 1 && <circle class="train" cx={x.toPx(first)} cy={y.toPx(rows[0]!.train)} r="3" />}
          {best && (
            <g>
              <circle class="val" cx={x.toPx(best.epoch)} cy={y.toPx(best.val!)} r="4.5" />
              <title>
                Best: epoch {best.epoch}, {format.figure(best.val!)}
              </title>
            </g>
          )}
        </svg>
      </div>
      <details>
        <summary>As a table</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
        <div class="table long" tabIndex={0}>
          <table>
            <caption class="hidden">RMSE by epoch</caption>
            <thead>
              <tr>
                <th scope="col">Epoch</th>
                <th scope="col">Training</th>
                <th scope="col">Validation</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ epoch, train, val }) => (
                <tr key={epoch}>
                  <th scope="row">{epoch}</th>
                  <td>{format.figure(train)}</td>
                  <td>{val === null ? '–' : format.figure(val)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function summary(
  rows: readonly { readonly epoch: number; readonly train: number }[],
  best: { readonly epoch: number; readonly val: number | null } | undefined,
  figure: (value: number) => string,
): string {
  const last = rows.at(-1)!;
  const text = `After epoch ${last.epoch} the RMSE of training is ${figure(last.train)}.`;
  return best ? `${text} The best of validation is ${figure(best.val!)}, at epoch ${best.epoch}.` : text;
}
