import type { Job } from '../../src/formats/studio-protocol.js';
import { useFormat } from '../base/format.js';
import { useWidth } from '../base/hooks.js';
import { scaleOf, ticks } from '../base/scale.js';

const HEIGHT = 240;
const MARGIN = { top: 12, right: 12, bottom: 34, left: 48 };

interface Row {
  readonly epoch: number;
  /** Of training; null of the start. */
  readonly train: number | null;
  readonly val: number | null;
}

/** The RMSE by epoch; epoch 0 is the state before training. */
function rowsOf({ epochs, reference }: Pick<Job, 'epochs' | 'reference'>): Row[] {
  const start = reference?.startMse ?? null;
  return [
    ...(start === null ? [] : [{ epoch: 0, train: null, val: Math.sqrt(start) }]),
    ...epochs.map(({ epoch, trainMse, valMse }) => ({
      epoch,
      train: Math.sqrt(trainMse),
      val: valMse === null ? null : Math.sqrt(valMse),
    })),
  ];
}

/** The training and validation RMSE by epoch, and that of the baseline, as lines and as a table. */
export function Curve({ job }: { readonly job: Pick<Job, 'epochs' | 'reference' | 'outcome'> }) {
  const format = useFormat();
  const [ref, width] = useWidth<HTMLDivElement>();
  const rows = rowsOf(job);
  const baseline = job.reference?.baselineMse == null ? undefined : Math.sqrt(job.reference.baselineMse);
  // The kept epoch is known at the end: it is not always chosen by this error.
  const kept = rows.find(({ epoch, val }) => epoch === job.outcome?.bestEpoch && val !== null);
  return (
    <figure class="curve">
      <figcaption class="pair">
        <b>RMSE by epoch{format.unit && `, in${format.unit}`}</b>
        <span class="legend">
          <span class="key train">training</span>{' '}
          {rows.some(({ val }) => val !== null) && <span class="key val">validation images</span>}{' '}
          {baseline !== undefined && <span class="key mean">baseline (mean), {format.figure(baseline)}</span>}
        </span>
      </figcaption>
      <div ref={ref}>
        <Lines rows={rows} kept={kept} baseline={baseline} width={width} />
      </div>
      <EpochTable rows={rows} />
    </figure>
  );
}

/** The lines of the errors in a box of `width` px, 200 at least. */
function Lines(props: {
  readonly rows: readonly Row[];
  readonly kept: Row | undefined;
  readonly baseline: number | undefined;
  readonly width: number;
}) {
  const { rows, kept, baseline } = props;
  const format = useFormat();
  const width = Math.max(props.width, 200);
  const errors = rows.flatMap(({ train, val }) => [train, val]);
  const all = [...errors, baseline].filter(value => value != null && Number.isFinite(value)) as number[];
  const [first, last] = [rows[0]!.epoch, rows.at(-1)!.epoch];
  const pad = (Math.max(...all) - Math.min(...all)) * 0.08 || 0.5;
  const x = scaleOf([first, Math.max(last, first + 1)], [MARGIN.left, width - MARGIN.right]);
  const y = scaleOf([Math.min(...all) - pad, Math.max(...all) + pad], [HEIGHT - MARGIN.bottom, MARGIN.top]);
  const line = (pick: (row: Row) => number | null) =>
    rows
      .flatMap(row => {
        const value = pick(row);
        return value === null || !Number.isFinite(value) ? [] : [`${x.toPx(row.epoch)},${y.toPx(value)}`];
      })
      .join(' ');
  const epochTicks = ticks(x.low, x.high, Math.max(2, Math.min(8, props.width / 70))).filter(Number.isInteger);
  const across = { x1: MARGIN.left, x2: width - MARGIN.right };

  return (
    <svg width={width} height={HEIGHT} role="img" aria-label={summary(rows, kept, baseline, format.figure)}>
      <g class="axis">
        {ticks(y.low, y.high, 4).map(tick => (
          <g key={tick}>
            <line {...across} y1={y.toPx(tick)} y2={y.toPx(tick)} />
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
      {rows.length === 1 && <circle class="val" cx={x.toPx(first)} cy={y.toPx(all[0]!)} r="3" />}
      {baseline !== undefined && <line class="mean" {...across} y1={y.toPx(baseline)} y2={y.toPx(baseline)} />}
      {kept && (
        <g>
          <circle class="val" cx={x.toPx(kept.epoch)} cy={y.toPx(kept.val!)} r="4.5" />
          <text
            class="kept"
            x={x.toPx(kept.epoch)}
            y={y.toPx(kept.val!) - 10}
            text-anchor={anchorOf(x.toPx(kept.epoch), props.width)}
          >
            kept: {kept.epoch === 0 ? 'the start' : `epoch ${kept.epoch}`}
          </text>
        </g>
      )}
    </svg>
  );
}

function EpochTable({ rows }: { readonly rows: readonly Row[] }) {
  const format = useFormat();
  const figure = (value: number | null) => (value === null ? '–' : format.figure(value));
  return (
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
                <th scope="row">{epoch === 0 ? '0, the start' : epoch}</th>
                <td>{figure(train)}</td>
                <td>{figure(val)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The side of a point with room for a text. */
const anchorOf = (px: number, width: number) => (px < 80 ? 'start' : px > width - 80 ? 'end' : 'middle');

function summary(
  rows: readonly Row[],
  kept: Row | undefined,
  baseline: number | undefined,
  figure: (value: number) => string,
): string {
  const last = rows.at(-1)!;
  const texts = [
    last.train === null
      ? `At the start the RMSE of the validation images is ${figure(last.val!)}.`
      : `After epoch ${last.epoch} the training RMSE is ${figure(last.train)}.`,
    kept && `Kept: epoch ${kept.epoch}, with ${figure(kept.val!)} on the validation images.`,
    baseline !== undefined && `Baseline (mean): ${figure(baseline)}.`,
  ];
  return texts.filter(text => text).join(' ');
}
