import { useRef, useState } from 'preact/hooks';
import type { StudioData } from '../../src/formats/studio-protocol.js';
import { formatCount, plural } from '../../src/report/format.js';
import { useWidth } from '../base/hooks.js';
import { ticks } from '../base/scale.js';

type Bins = StudioData['histogram'];

/** The maximum width of a character of a label, and the space between labels, in px. */
const CHARACTER_PX = 8;
const APART_PX = 16;

/**
 * The histogram of the labels. A click, a drag, or arrow keys with Enter select a range; Shift widens it.
 *
 * @param props.from Both ends are undefined if there is no selection.
 */
export function Histogram(props: {
  readonly bins: Bins;
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly format: (value: number) => string;
  readonly onSelect: (from: number | undefined, to: number | undefined) => void;
}) {
  const { bins, from, to, format } = props;
  const [dragged, setDragged] = useState<readonly [number, number]>();
  const [at, setAt] = useState(0);
  const [bars, width] = useWidth<HTMLDivElement>();
  const anchor = useRef(0);
  const most = Math.max(1, ...bins.map(({ images }) => images));
  const isAll = from === undefined && to === undefined;
  const isChosen = (i: number) => {
    if (dragged) return i >= dragged[0] && i <= dragged[1];
    const bin = bins[i]!;
    return bin.to > (from ?? -Infinity) && bin.from < (to ?? Infinity);
  };

  const select = (first: number, last: number) => {
    const low = bins[Math.min(first, last)]!.from;
    const high = bins[Math.max(first, last)]!.to;
    // The same bars again clear the selection.
    if (low === from && high === to) props.onSelect(undefined, undefined);
    else props.onSelect(low, high);
  };
  const binAt = (x: number) => {
    const { left, width } = bars.current!.getBoundingClientRect();
    return Math.min(bins.length - 1, Math.max(0, Math.floor(((x - left) / width) * bins.length)));
  };
  const span = (i: number): [number, number] => [Math.min(anchor.current, i), Math.max(anchor.current, i)];

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -bins.length, End: bins.length }[event.key];
    if (event.key === 'Escape') props.onSelect(undefined, undefined);
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(bins.length - 1, Math.max(0, at + step));
    setAt(next);
    (bars.current!.children[next] as HTMLElement).focus();
    if (event.shiftKey) {
      const [low, high] = span(next);
      props.onSelect(bins[low]!.from, bins[high]!.to);
    } else anchor.current = next;
  };

  return (
    <div class="histogram">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dragging over the buttons; they themselves take keys */}
      <div
        class={isAll && !dragged ? 'bars' : 'bars partly'}
        ref={bars}
        onKeyDown={onKeyDown}
        onPointerDown={event => {
          if (event.button !== 0) return;
          anchor.current = binAt(event.clientX);
          setDragged([anchor.current, anchor.current]);
          bars.current!.setPointerCapture(event.pointerId);
        }}
        onPointerMove={event => {
          if (dragged) setDragged(span(binAt(event.clientX)));
        }}
        onPointerUp={event => {
          if (!dragged) return;
          setDragged(undefined);
          const end = binAt(event.clientX);
          setAt(end);
          select(anchor.current, end);
        }}
        onPointerCancel={() => setDragged(undefined)}
      >
        {bins.map((bin, i) => (
          <button
            key={bin.from}
            type="button"
            tabIndex={i === Math.min(at, bins.length - 1) ? 0 : -1}
            class={isChosen(i) ? 'chosen' : ''}
            aria-pressed={!isAll && isChosen(i)}
            aria-label={`${format(bin.from)} to ${format(bin.to)}: ${plural(bin.images, 'image')}`}
            title={`${format(bin.from)} to ${format(bin.to)}: ${formatCount(bin.images)}`}
            onFocus={() => setAt(i)}
            onClick={event => {
              // Only for the keyboard: pointer events have selected already.
              if (event.detail === 0) select(i, i);
            }}
          >
            <i style={{ height: `${(100 * bin.images) / most}%` }} />
          </button>
        ))}
      </div>
      <div class="ends" aria-hidden="true">
        {axisOf(bins, width, format).map(({ value, share }) => (
          <span key={value} style={{ left: `${100 * share}%` }}>
            {format(value)}
          </span>
        ))}
      </div>
    </div>
  );
}

/** The ticks of the axis and their positions, as many as there is room for within the bars. */
function axisOf(bins: Bins, width: number, format: (value: number) => string) {
  const [low, high] = [bins[0]?.from ?? 0, bins.at(-1)?.to ?? 0];
  if (width === 0 || high <= low) return [];
  const textPx = (value: number) => format(value).length * CHARACTER_PX;
  for (let count = Math.floor(width / (textPx(high) + APART_PX)); count > 0; count--) {
    const marks = ticks(low, high, count).map(value => ({ value, share: (value - low) / (high - low) }));
    const within = marks.filter(({ value, share }) => {
      const half = textPx(value) / 2;
      return share * width >= half && (1 - share) * width >= half;
    });
    const ends = within.map(({ value, share }) => [
      share * width - textPx(value) / 2,
      share * width + textPx(value) / 2,
    ]);
    if (ends.every(([start], i) => i === 0 || start! - ends[i - 1]![1]! >= APART_PX)) return within;
  }
  return [];
}
