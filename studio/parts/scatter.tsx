import { useEffect, useRef, useState } from 'preact/hooks';
import type { Results } from '../../src/formats/studio-protocol.js';
import { plural } from '../../src/report/format.js';
import { useFormat } from '../base/format.js';
import { useWidth } from '../base/hooks.js';
import { type Scale, scaleOf, ticks } from '../base/scale.js';

/** A selected part of the plot, by true and predicted values; an undefined end is open. */
export interface Brush {
  readonly labelFrom: number | undefined;
  readonly labelTo: number | undefined;
  readonly valueFrom: number | undefined;
  readonly valueTo: number | undefined;
}

type Points = Results['points'];

const MARGIN = { top: 10, right: 10, bottom: 42, left: 52 };
/** A shorter drag is a click, which clears the selection. */
const CLICK_PX = 4;

/** Whether a point lies in the brush. */
export const isInside = ({ label, value }: Points[number], brush: Brush): boolean =>
  label >= (brush.labelFrom ?? -Infinity) &&
  label <= (brush.labelTo ?? Infinity) &&
  value >= (brush.valueFrom ?? -Infinity) &&
  value <= (brush.valueTo ?? Infinity);

/** Whether there is a selection. */
export const isBrushed = (brush: Brush): boolean => Object.values(brush).some(end => end !== undefined);

/** True against predicted values, one point per image; a drag selects points. */
export function Scatter(props: {
  readonly points: Points;
  readonly brush: Brush;
  readonly onBrush: (brush: Brush) => void;
}) {
  const { points, brush, onBrush } = props;
  const format = useFormat();
  const [ref, width] = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const start = useRef<readonly [number, number] | undefined>(undefined);
  const scheme = useScheme();
  const height = Math.min(Math.max(width * 0.75, 260), 440);
  const [low, high] = rangeOf(points);
  const x = scaleOf([low, high], [MARGIN.left, Math.max(width, 120) - MARGIN.right]);
  const y = scaleOf([low, high], [height - MARGIN.bottom, MARGIN.top]);

  useEffect(() => {
    if (width > 0) draw(canvas.current!, width, height, points, brush, x, y);
  }, [points, brush, width, height, scheme]);

  const at = (event: PointerEvent): [number, number] => {
    const { left, top } = ref.current!.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  };
  const choose = (event: PointerEvent) => {
    const [x0, y0] = start.current!;
    const [x1, y1] = at(event);
    if (Math.hypot(x1 - x0, y1 - y0) < CLICK_PX) {
      onBrush({ labelFrom: undefined, labelTo: undefined, valueFrom: undefined, valueTo: undefined });
      return;
    }
    onBrush({
      labelFrom: round(x, Math.min(x0, x1)),
      labelTo: round(x, Math.max(x0, x1)),
      valueFrom: round(y, Math.max(y0, y1)),
      valueTo: round(y, Math.min(y0, y1)),
    });
  };
  return (
    <div
      class="scatter"
      ref={ref}
      style={{ height: `${height}px` }}
      onPointerDown={event => {
        if (event.button !== 0) return;
        start.current = at(event);
        ref.current!.setPointerCapture(event.pointerId);
      }}
      onPointerMove={event => {
        if (start.current) choose(event);
      }}
      onPointerUp={event => {
        if (!start.current) return;
        choose(event);
        start.current = undefined;
      }}
      onPointerCancel={() => {
        start.current = undefined;
      }}
    >
      <canvas ref={canvas} />
      <svg
        width={Math.max(width, 120)}
        height={height}
        role="img"
        aria-label={`True against predicted ${format.name} of ${plural(points.length, 'image')}; the fields below choose a part`}
      >
        <Axes x={x} y={y} width={Math.max(width, 120)} height={height} />
        <line class="ideal" x1={x.toPx(low)} y1={y.toPx(low)} x2={x.toPx(high)} y2={y.toPx(high)} />
        {isBrushed(brush) && <BrushBox x={x} y={y} brush={brush} />}
      </svg>
    </div>
  );
}

function BrushBox({ x, y, brush }: { readonly x: Scale; readonly y: Scale; readonly brush: Brush }) {
  const left = x.toPx(Math.max(brush.labelFrom ?? x.low, x.low));
  const right = x.toPx(Math.min(brush.labelTo ?? x.high, x.high));
  const top = y.toPx(Math.min(brush.valueTo ?? y.high, y.high));
  const bottom = y.toPx(Math.max(brush.valueFrom ?? y.low, y.low));
  return <rect class="brush" x={left} y={top} width={Math.max(0, right - left)} height={Math.max(0, bottom - top)} />;
}

/** The value at a position, within the axis, to four digits. */
function round(scale: Scale, px: number): number {
  const value = Math.min(scale.high, Math.max(scale.low, scale.fromPx(px)));
  return Number(value.toPrecision(4));
}

/** Both axes, which have the same range. */
function Axes(props: { readonly x: Scale; readonly y: Scale; readonly width: number; readonly height: number }) {
  const { x, y, width, height } = props;
  const format = useFormat();
  return (
    <g class="axis">
      {ticks(x.low, x.high, width < 420 ? 5 : 8).map(tick => (
        <g key={tick}>
          <text x={x.toPx(tick)} y={height - MARGIN.bottom + 18} text-anchor="middle">
            {format.label(tick)}
          </text>
          <text x={MARGIN.left - 8} y={y.toPx(tick)} dy="0.32em" text-anchor="end">
            {format.label(tick)}
          </text>
          <line x1={MARGIN.left} x2={width - MARGIN.right} y1={y.toPx(tick)} y2={y.toPx(tick)} />
        </g>
      ))}
      <text class="name" x={width - MARGIN.right} y={height - 6} text-anchor="end">
        true {format.name} →
      </text>
      <text class="name" transform={`translate(13 ${MARGIN.top}) rotate(-90)`} text-anchor="end">
        predicted →
      </text>
    </g>
  );
}

/** The common range of both axes; correct predictions are on the diagonal. */
function rangeOf(points: Points): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const { label, value } of points) {
    low = Math.min(low, label, value);
    high = Math.max(high, label, value);
  }
  if (!(low <= high)) return [0, 1];
  const pad = (high - low) * 0.03 || 1;
  return [low - pad, high + pad];
}

/** Draws all points; those outside the selection are pale. 10,000 points take about 10 ms. */
function draw(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  points: Points,
  brush: Brush,
  x: Scale,
  y: Scale,
) {
  const ratio = devicePixelRatio;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const size = points.length > 3000 ? 2.5 : points.length > 500 ? 3.5 : 5;
  const alpha = Math.max(0.25, Math.min(0.75, 60 / Math.sqrt(points.length)));
  const isChoosing = isBrushed(brush);
  for (const inside of [false, true]) {
    context.fillStyle = style.getPropertyValue(inside ? '--accent' : '--muted');
    context.globalAlpha = inside ? alpha : 0.2;
    for (const point of points) {
      if ((!isChoosing || isInside(point, brush)) !== inside) continue;
      context.beginPath();
      context.arc(x.toPx(point.label), y.toPx(point.value), size / 2, 0, 7);
      context.fill();
    }
  }
}

/** Whether the system's color scheme is dark. */
function useScheme(): boolean {
  const [isDark, setIsDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const change = () => setIsDark(query.matches);
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  return isDark;
}
