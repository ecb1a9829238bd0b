import type { RefObject } from 'preact';
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
  const { dragged, handlers } = useDrag(bars, bins.length, anchor, end => {
    setAt(end);
    select(anchor.current, end);
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -bins.length, End: bins.length }[event.key];
    if (event.key === 'Escape') props.onSelect(undefined, undefined);
    if (step === undefined) return;
    event.preventDefault();
    const next = Math.min(bins.length - 1, Math.max(0, at + step));
    setAt(next);
    (bars.current!.children[next] as HTMLElement).focus();
    if (event.shiftKey) {
      const [low, high] = span(anchor.current, next);
      props.onSelect(bins[low]!.from, bins[high]!.to);
    } else anchor.current = next;
  };

  return (
    <div class="histogram">
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dragging over the buttons; they themselves take keys */}
      <div class={isAll && !dragged ? 'bars' : 'bars partly'} ref={bars} onKeyDown={onKeyDown} {...handlers}>
        {bins.map((bin, i) => (
          <Bar
            key={bin.from}
            share={bin.images / most}
            range={`${format(bin.from)} to ${format(bin.to)}`}
            images={bin.images}
            isReached={i === Math.min(at, bins.length - 1)}
            isChosen={isChosen(i)}
            isPressed={!isAll && isChosen(i)}
            onFocus={() => setAt(i)}
            onSelect={() => select(i, i)}
          />
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

const span = (one: number, other: number) => [Math.min(one, other), Math.max(one, other)] as const;

/**
 * The bars of a drag while it lasts, and the handlers of its pointer.
 *
 * @param anchor Where it began.
 * @param onEnd Called with the bar where it ends.
 */
function useDrag(
  bars: RefObject<HTMLDivElement | null>,
  count: number,
  anchor: { current: number },
  onEnd: (end: number) => void,
) {
  const [dragged, setDragged] = useState<readonly [number, number]>();
  const barAt = (event: PointerEvent) => {
    const { left, width } = bars.current!.getBoundingClientRect();
    return Math.min(count - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * count)));
  };
  const handlers = {
    onPointerDown(event: PointerEvent) {
      if (event.button !== 0) return;
      anchor.current = barAt(event);
      setDragged(span(anchor.current, anchor.current));
      bars.current!.setPointerCapture(event.pointerId);
    },
    onPointerMove(event: PointerEvent) {
      if (dragged) setDragged(span(anchor.current, barAt(event)));
    },
    onPointerUp(event: PointerEvent) {
      if (!dragged) return;
      setDragged(undefined);
      onEnd(barAt(event));
    },
    onPointerCancel: () => setDragged(undefined),
  };
  return { dragged, handlers };
}

/** @param props.isReached Whether the Tab key leads to this bar. */
function Bar(props: {
  readonly share: number;
  readonly range: string;
  readonly images: number;
  readonly isReached: boolean;
  readonly isChosen: boolean;
  readonly isPressed: boolean;
  readonly onFocus: () => void;
  readonly onSelect: () => void;
}) {
  const { share, range, images, isReached, isChosen, isPressed, onFocus, onSelect } = props;
  return (
    <button
      type="button"
      tabIndex={isReached ? 0 : -1}
      class={isChosen ? 'chosen' : ''}
      aria-pressed={isPressed}
      aria-label={`${range}: ${plural(images, 'image')}`}
      title={`${range}: ${formatCount(images)}`}
      onFocus={onFocus}
      onClick={event => {
        // Only for the keyboard: pointer events have selected already.
        if (event.detail === 0) onSelect();
      }}
    >
      <i style={{ height: `${100 * share}%` }} />
    </button>
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
