import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { useWidth } from '../base/hooks.js';

/** Tiles per block; only the blocks near the window are in the document. */
const BLOCK = 48;
/** The distance beyond the window within which tiles are rendered. */
const AHEAD_PX = 500;

/** The measures of `.tiles` in the style sheet, in rem. */
const REM = { least: 7.5, leastNarrow: 6.2, gap: 0.75, rowGap: 0.9, line: 1.6 } as const;
const NARROW_REM = 35;

/** The layout of tiles. */
interface Grid {
  readonly columns: number;
  readonly rowPx: number;
  /** Tiles a block: whole rows of them. */
  readonly block: number;
}

function gridOf(widthPx: number, lines: number): Grid {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const least = (widthPx < NARROW_REM * rem ? REM.leastNarrow : REM.least) * rem;
  const gap = REM.gap * rem;
  const columns = Math.max(1, Math.floor((widthPx + gap) / (least + gap)));
  const edge = (widthPx - gap * (columns - 1)) / columns;
  return { columns, rowPx: edge + (lines * REM.line + REM.rowGap) * rem, block: Math.ceil(BLOCK / columns) * columns };
}

/**
 * A virtualized grid of tiles.
 *
 * @param props.lines Lines of text below each image.
 * @param props.tile Renders the tile at a position.
 * @param props.onNeed Called when positions come near the window; its result is called when they leave. It must be the same function
 * while the tiles are the same.
 * @param props.reveal A position to scroll to; each new object scrolls again.
 */
export function Tiles(props: {
  readonly count: number;
  readonly label: string;
  readonly lines: number;
  readonly tile: (place: number) => ComponentChildren;
  readonly onNeed?: (start: number, end: number) => () => void;
  readonly reveal?: { readonly place: number } | undefined;
}) {
  const { count, label, lines, tile, onNeed, reveal } = props;
  const [ref, width] = useWidth<HTMLDivElement>();
  const grid = useMemo(() => (width === 0 ? undefined : gridOf(width, lines)), [width, lines]);
  const shown = useShown(ref, grid === undefined ? 0 : Math.ceil(count / grid.block));

  const revealed = useRef<typeof reveal>(undefined);
  useEffect(() => {
    // Once, when the position exists.
    if (reveal === undefined || grid === undefined || reveal === revealed.current || reveal.place >= count) return;
    revealed.current = reveal;
    const top = ref.current!.getBoundingClientRect().top + Math.floor(reveal.place / grid.columns) * grid.rowPx;
    if (top < 0 || top + grid.rowPx > innerHeight) scrollTo({ top: Math.max(0, scrollY + top - innerHeight / 3) });
  }, [reveal, grid, count]);

  const blocks = grid === undefined ? 0 : Math.ceil(count / grid.block);
  return (
    <div ref={ref} class="tile-blocks">
      {Array.from({ length: blocks }, (_, i) => {
        const { columns, rowPx, block } = grid!;
        const [start, end] = [i * block, Math.min(count, (i + 1) * block)];
        const isShown = shown.has(i);
        return (
          <ul
            key={i}
            class="tiles"
            data-block={i}
            role={isShown ? undefined : 'presentation'}
            aria-label={isShown ? `${label} ${start + 1} to ${end}` : undefined}
            style={{
              height: `${Math.ceil((end - start) / columns) * rowPx}px`,
              gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
              gridAutoRows: `${rowPx}px`,
            }}
          >
            {isShown && <Block start={start} end={end} count={count} tile={tile} onNeed={onNeed} />}
          </ul>
        );
      })}
    </div>
  );
}

function Block(props: {
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly tile: (place: number) => ComponentChildren;
  readonly onNeed: ((start: number, end: number) => () => void) | undefined;
}) {
  const { start, end, count, tile, onNeed } = props;
  useEffect(() => onNeed?.(start, end), [start, end, onNeed]);
  return (
    <>
      {Array.from({ length: end - start }, (_, at) => (
        <li key={start + at} aria-posinset={start + at + 1} aria-setsize={count}>
          {tile(start + at)}
        </li>
      ))}
    </>
  );
}

/** The indices of the blocks near the window. The block with the focus stays. */
function useShown(ref: { readonly current: HTMLElement | null }, blocks: number): ReadonlySet<number> {
  const [shown, setShown] = useState<ReadonlySet<number>>(new Set([0]));
  useEffect(() => {
    const observer = new IntersectionObserver(
      entries =>
        setShown(before => {
          const next = new Set(before);
          for (const { target, isIntersecting } of entries) {
            const index = Number((target as HTMLElement).dataset.block);
            if (isIntersecting) next.add(index);
            else if (!target.contains(document.activeElement)) next.delete(index);
          }
          return next;
        }),
      { rootMargin: `${AHEAD_PX}px` },
    );
    for (const element of ref.current!.children) observer.observe(element);
    return () => observer.disconnect();
  }, [blocks]);
  return shown;
}
