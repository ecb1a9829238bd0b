import { useRef, useState } from 'preact/hooks';
import { formatCount, plural } from '../../src/report/format.js';
import type { StudioData } from '../../src/serving/studio/protocol.js';

type Bins = StudioData['histogram'];

/** How many bars have their number below them, beside the last end. */
const LABELS = 6;

/**
 * How often each number is, as bars to choose a range by: click, drag, or arrow keys with Enter, and Shift to widen.
 *
 * @param props.from Both undefined where all is shown.
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
  const bars = useRef<HTMLDivElement>(null);
  const anchor = useRef(0);
  const most = Math.max(1, ...bins.map(({ images }) => images));
  const every = Math.ceil(bins.length / LABELS);
  const isAll = from === undefined && to === undefined;
  const isChosen = (i: number) => {
    if (dragged) return i >= dragged[0] && i <= dragged[1];
    const bin = bins[i]!;
    return bin.to > (from ?? -Infinity) && bin.from < (to ?? Infinity);
  };

  const select = (first: number, last: number) => {
    const low = bins[Math.min(first, last)]!.from;
    const high = bins[Math.max(first, last)]!.to;
    // The same bars again: back to all.
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
            aria-label={`${format(bin.from)} to ${format(bin.to)}: ${plural(bin.images, 'picture')}`}
            title={`${format(bin.from)} to ${format(bin.to)}: ${formatCount(bin.images)}`}
            onFocus={() => setAt(i)}
            onClick={event => {
              // Of the keyboard alone: the pointer has chosen already.
              if (event.detail === 0) select(i, i);
            }}
          >
            <i style={{ height: `${(100 * bin.images) / most}%` }} />
          </button>
        ))}
      </div>
      <div class="ends" aria-hidden="true">
        {bins.map(
          ({ from }, i) =>
            i % every === 0 && (
              <span key={from} style={{ left: `${(100 * i) / bins.length}%` }}>
                {format(from)}
              </span>
            ),
        )}
        {bins.length > 0 && <span style={{ left: '100%' }}>{format(bins.at(-1)!.to)}</span>}
      </div>
    </div>
  );
}
