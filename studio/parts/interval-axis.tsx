import type { TargetFormat } from '../base/format.js';
import { useWidth } from '../base/hooks.js';
import { scaleOf, ticks } from '../base/scale.js';

const HEIGHT = 58;
const MIDDLE = 20;
const SIDE = 14;

/** A prediction, its interval and the true value on an axis. */
export function IntervalAxis(props: {
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
  /** The true value. */
  readonly label: number;
  /** The minimum range of the axis: that of the data. */
  readonly range: readonly [number, number];
  readonly format: TargetFormat;
}) {
  const { value, low, high, label, range, format } = props;
  const [ref, width] = useWidth<HTMLDivElement>();
  const known = [...range, value, label, ...(low === null || high === null ? [] : [low, high])];
  const domain = [Math.min(...known), Math.max(...known)] as const;
  const x = scaleOf(domain, [SIDE, Math.max(width, 120) - SIDE]);
  const interval =
    low === null || high === null ? '' : `, interval ${format.prediction(low)} to ${format.prediction(high)}`;
  return (
    <div ref={ref} class="interval">
      <svg
        width={Math.max(width, 120)}
        height={HEIGHT}
        role="img"
        aria-label={`Predicted ${format.prediction(value)}${interval}; true ${format.label(label)}`}
      >
        <g class="axis">
          <line x1={SIDE} x2={Math.max(width, 120) - SIDE} y1={MIDDLE} y2={MIDDLE} />
          {ticks(x.low, x.high, Math.max(2, Math.min(6, width / 60))).map(tick => (
            <text key={tick} x={x.toPx(tick)} y={HEIGHT - 6} text-anchor="middle">
              {format.label(tick)}
            </text>
          ))}
        </g>
        {low !== null && high !== null && (
          <rect
            class="span"
            x={x.toPx(low)}
            width={Math.max(2, x.toPx(high) - x.toPx(low))}
            y={MIDDLE - 6}
            height="12"
            rx="4"
          />
        )}
        <circle class="predicted" cx={x.toPx(value)} cy={MIDDLE} r="6" />
        <path class="true" d={`M${x.toPx(label)} ${MIDDLE - 13}V${MIDDLE + 13}`} />
      </svg>
      <p class="legend" aria-hidden="true">
        <span class="dot">predicted</span>
        {low !== null && high !== null && <span class="band">90 % interval</span>}
        <span class="mark-true">true</span>
      </p>
    </div>
  );
}
