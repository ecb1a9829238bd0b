import { useEffect, useState } from 'preact/hooks';
import type { Review, ShownDecision } from '../../src/formats/studio-protocol.js';
import { formatCount } from '../../src/report/format.js';
import { imageUrl } from '../base/api.js';
import { decisionText, useDecisions } from '../base/decisions.js';
import { useFormat } from '../base/format.js';
import { pushQuery, replaceQuery, route } from '../base/router.js';
import { useStore } from '../base/store.js';
import { state } from '../base/studio.js';
import type { Undoable } from '../base/undo.js';
import { useOpened } from '../base/use-opened.js';
import { DecisionMark, NoticeLine, SavingLine } from './decision.js';
import { Deeds, KeysSwitch } from './deeds.js';
import { SampleImage } from './sample-image.js';
import { SampleView } from './sample-view.js';

type Item = Review['items'][number];

/** One suspicious label with what speaks against it, the keys to decide, and how many are decided. */
export function Reviewer({ items }: { readonly items: readonly Item[] }) {
  const { query } = useStore(route);
  const writable = useStore(state)?.writable ?? false;
  const format = useFormat();
  const decisionOf = useDecisions();
  const decided = (item: Item) => decisionOf(item.file, item.decision);
  const named = items.findIndex(({ file }) => file === query.file);
  const firstOpen = items.findIndex(item => decided(item) === null);
  const at = named >= 0 ? named : Math.max(0, firstOpen);
  const item = items[at]!;
  const decision = decided(item);
  const count = items.filter(item => decided(item) !== null).length;
  const right = decision?.kind === 'set' ? decision.value : item.suggested;
  const [told, setTold] = useState('');
  const [unseen, setUnseen] = useState<string>();
  const { opened, open, close } = useOpened('data', 'look');
  // The first open one stays where it is when it is decided, also by another tab.
  useEffect(() => {
    if (named < 0) replaceQuery({ file: item.file });
  }, [named]);
  useAhead(items, at);

  // Each image is a step in the browser's history: Back leads to the one before.
  const show = (file: string) => pushQuery({ file });
  const move = (step: number) => {
    const next = items[at + step];
    if (next) show(next.file);
  };
  const onTaken = (wanted: ShownDecision) => {
    const order = [...items.slice(at + 1), ...items.slice(0, at)];
    const next = order.find(other => decided(other) === null);
    const left = items.length - count - (decision === null ? 1 : 0);
    setTold(
      `${format.label(item.label)}: ${decisionText(wanted)}. ${left === 0 ? 'All are decided.' : `${left} to go.`}`,
    );
    if (next) show(next.file);
  };
  const onUndone = ({ file, before }: Undoable) => {
    const undone = items.find(other => other.file === file);
    setTold(`Undone: ${undone ? format.label(undone.label) : file} is ${decisionText(before)} again.`);
    if (undone) show(file);
  };

  return (
    <div class="reviewer">
      <div class="progress">
        <p class="pair">
          <b>
            {formatCount(count)} of {formatCount(items.length)} decided
          </b>
          <SavingLine />
        </p>
        <progress aria-label="Decided" value={count} max={items.length} />
      </div>
      <NoticeLine />
      <p class="hidden" role="status">
        {told}
      </p>
      <div class="split">
        <figure class="card face">
          <button
            type="button"
            class="tile"
            aria-label={`Image ${at + 1} of ${items.length}, large, with all that is known of it`}
            onClick={() => open({ file: item.file, of: 'data' })}
          >
            <SampleImage
              file={item.file}
              edge={EDGE_PX}
              eager
              alt={`Image ${at + 1} of ${items.length}`}
              onSeen={isSeen => setUnseen(isSeen ? undefined : item.file)}
            />
          </button>
          <figcaption class="pair note">
            <span class="wrap">{item.file}</span>
            <span>
              {at + 1} of {items.length}
            </span>
          </figcaption>
        </figure>
        <div class="card verdict">
          <dl class="versus">
            <div>
              <dt>Label</dt>
              <dd>{format.label(item.label)}</dd>
            </div>
            <div class="suggested">
              <dt>Suggested</dt>
              <dd>{format.label(item.suggested)}</dd>
            </div>
            <div>
              <dt>Doubt</dt>
              <dd>{item.score.toFixed(2)}</dd>
            </div>
          </dl>
          <p class="kinds">
            {item.kinds
              .filter(kind => kind !== 'label')
              .map(kind => (
                <span key={kind} class="mark doubt">
                  {kind}
                </span>
              ))}
            <DecisionMark decision={decision} />
          </p>
          <Deeds
            file={item.file}
            right={right}
            fetched={item.decision}
            writable={writable}
            isActive={opened === undefined}
            isSeen={unseen !== item.file}
            onTaken={onTaken}
            onUndone={onUndone}
            onMove={move}
          />
          <h3>Most alike</h3>
          <ul class="near">
            {item.neighbours.map(({ file, label }) => (
              <li key={file} title={file}>
                <button type="button" class="tile" onClick={() => open({ file, of: 'data' })}>
                  <SampleImage file={file} edge={200} alt={file} />
                  <span class="hidden">{format.name} </span>
                  <span>{format.label(label)}</span>
                </button>
              </li>
            ))}
          </ul>
          <div class="steps">
            <button
              type="button"
              class="plain"
              disabled={at === 0}
              aria-keyshortcuts="ArrowLeft"
              onClick={() => move(-1)}
            >
              ← Previous
            </button>
            <KeysSwitch />
            <button
              type="button"
              class="plain"
              disabled={at === items.length - 1}
              aria-keyshortcuts="ArrowRight"
              onClick={() => move(1)}
            >
              Next →
            </button>
          </div>
        </div>
      </div>
      {opened && <SampleView opened={opened} onClose={close} onOpen={open} />}
    </div>
  );
}

const EDGE_PX = 800;
/** How many images are fetched before they are shown. */
const AHEAD = 10;

/** Fetches the next images, so that each is there at once when the one before it is decided. */
function useAhead(items: readonly Item[], at: number): void {
  useEffect(() => {
    for (const { file } of items.slice(at + 1, at + 1 + AHEAD)) new Image().src = imageUrl(file, EDGE_PX);
  }, [items, at]);
}
