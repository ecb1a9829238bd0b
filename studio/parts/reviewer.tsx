import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCount } from '../../src/report/format.js';
import type { Review, ShownDecision } from '../../src/serving/studio/protocol.js';
import { decide, decisionText, useDecisions } from '../base/decisions.js';
import { numberIn, useFormat } from '../base/format.js';
import { replaceQuery, route } from '../base/router.js';
import { useStore } from '../base/store.js';
import { state } from '../base/studio.js';
import { DecisionMark, NoticeLine, SavingLine } from './decision.js';
import { Picture } from './picture.js';
import { type ReviewKeys, useReviewKeys } from './review-keys.js';

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
  const [text, setText] = useState(`${right}`);
  const [told, setTold] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const done = useRef<{ readonly item: Item; readonly before: ShownDecision | null }[]>([]);
  const number = numberIn(text);
  useEffect(() => setText(`${right}`), [item.file, right]);
  // The first open one stays where it is when it is decided, also by another tab.
  useEffect(() => {
    if (named < 0) replaceQuery({ file: item.file });
  }, [named]);

  const show = (next: Item) => replaceQuery({ file: next.file });
  const move = (step: number) => {
    const next = items[at + step];
    if (next) show(next);
  };
  const take = (wanted: ShownDecision) => {
    if (!writable) return;
    done.current.push({ item, before: decision });
    decide(item.file, wanted, item.decision);
    const order = [...items.slice(at + 1), ...items.slice(0, at)];
    const next = order.find(other => decided(other) === null);
    const left = items.length - count - (decision === null ? 1 : 0);
    setTold(
      `${format.label(item.label)}: ${decisionText(wanted)}. ${left === 0 ? 'All are decided.' : `${left} to go.`}`,
    );
    if (next) show(next);
  };
  const keys: ReviewKeys = {
    keep: () => take({ kind: 'keep' }),
    set: () => {
      if (number !== undefined) take({ kind: 'set', value: number });
    },
    drop: () => take({ kind: 'drop' }),
    undo: () => {
      const last = done.current.pop();
      if (last === undefined || !writable) return;
      decide(last.item.file, last.before, last.item.decision);
      setTold(`Undone: ${format.label(last.item.label)} is ${decisionText(last.before)} again.`);
      show(last.item);
    },
    move,
    type: digit => {
      setText(digit);
      field.current?.focus();
    },
  };
  const [hasKeys, setHasKeys] = useReviewKeys(keys);

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
          <Picture file={item.file} edge={800} eager alt={`Picture ${at + 1} of ${items.length}`} />
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
          <div class="deeds">
            <button type="button" disabled={!writable} aria-keyshortcuts="k" onClick={keys.keep}>
              Keep <kbd>K</kbd>
            </button>
            <form
              class="set"
              onSubmit={event => {
                event.preventDefault();
                keys.set();
                field.current?.blur();
              }}
            >
              <input
                ref={field}
                type="number"
                step="any"
                aria-label={`The right ${format.name}`}
                value={text}
                onInput={event => setText(event.currentTarget.value)}
              />
              <button type="submit" class="main" disabled={!writable || number === undefined} aria-keyshortcuts="s">
                Set <kbd>S</kbd>
              </button>
            </form>
            <button type="button" disabled={!writable} aria-keyshortcuts="d" onClick={keys.drop}>
              Drop <kbd>D</kbd>
            </button>
            <button
              type="button"
              disabled={!writable || done.current.length === 0}
              aria-keyshortcuts="u"
              onClick={keys.undo}
            >
              Undo <kbd>U</kbd>
            </button>
          </div>
          <h3>Most alike</h3>
          <ul class="near">
            {item.neighbours.map(({ file, label }) => (
              <li key={file} title={file}>
                <Picture file={file} edge={200} />
                <span class="hidden">{format.name} </span>
                {format.label(label)}
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
            <label class="switch note">
              <input type="checkbox" checked={hasKeys} onChange={event => setHasKeys(event.currentTarget.checked)} />{' '}
              Keys decide
            </label>
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
    </div>
  );
}
