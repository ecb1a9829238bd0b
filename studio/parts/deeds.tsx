import { useRef, useState } from 'preact/hooks';
import type { ShownDecision } from '../../src/formats/studio-protocol.js';
import { decide, decisionOf } from '../base/decisions.js';
import { numberIn, useFormat } from '../base/format.js';
import { useStore } from '../base/store.js';
import { popUndo, pushUndo, type Undoable, undoables, undoChanges } from '../base/undo.js';
import { keysDecide, useDecisionKeys } from './decision-keys.js';

/**
 * The buttons, the field and the single keys that decide about an image.
 *
 * @param props.right The number that the field shows: what was set, else what is suggested, else the label.
 * @param props.fetched The decision as it was fetched.
 * @param props.isActive Whether keys are listened to.
 * @param props.isSeen False where the image cannot be shown: then keys decide nothing about it, but the buttons do.
 * @param props.onTaken Called once a decision is taken.
 * @param props.onUndone Called once one is taken back.
 * @param props.onMove Called with -1 or 1 for an arrow key.
 */
export function Deeds(props: {
  readonly file: string;
  readonly right: number;
  readonly fetched: ShownDecision | null;
  readonly writable: boolean;
  readonly isActive: boolean;
  readonly isSeen: boolean;
  readonly onTaken?: (wanted: ShownDecision) => void;
  readonly onUndone?: (undone: Undoable) => void;
  readonly onMove: (step: number) => void;
}) {
  const { file, right, fetched, writable, isActive, isSeen, onTaken, onUndone, onMove } = props;
  const format = useFormat();
  useStore(undoChanges);
  // What is typed is about one image and stays its own, whatever is drawn again.
  const [typed, setTyped] = useState<{ readonly file: string; readonly text: string }>();
  const text = typed?.file === file ? typed.text : `${right}`;
  const field = useRef<HTMLInputElement>(null);

  const take = (wanted: ShownDecision) => {
    if (!writable) return;
    pushUndo({ file, before: decisionOf(file, fetched), after: wanted });
    decide(file, wanted, fetched);
    setTyped(undefined);
    onTaken?.(wanted);
  };
  const set = () => {
    const value = numberIn(field.current!.value);
    if (value !== undefined) take({ kind: 'set', value });
  };
  const undo = () => {
    if (!writable) return;
    const last = popUndo();
    if (last === undefined) return;
    decide(last.file, last.before, last.after);
    onUndone?.(last);
  };
  const keep = () => take({ kind: 'keep' });
  const drop = () => take({ kind: 'drop' });
  const type = (digit: string) => {
    setTyped({ file, text: digit });
    field.current?.focus();
  };
  const ifSeen = (deed: () => void) => (isSeen ? deed : () => {});
  useDecisionKeys({ keep: ifSeen(keep), set: ifSeen(set), drop: ifSeen(drop), undo, move: onMove, type }, isActive);

  return (
    <div class="deeds">
      {!isSeen && (
        <p class="note" role="status">
          The image cannot be shown, so keys decide nothing about it. The buttons do.
        </p>
      )}
      <button type="button" disabled={!writable} aria-keyshortcuts="k" onClick={keep}>
        Keep <kbd>K</kbd>
      </button>
      <form
        class="set"
        onSubmit={event => {
          event.preventDefault();
          set();
          field.current?.blur();
        }}
      >
        <input
          ref={field}
          type="number"
          step="any"
          aria-label={`The right ${format.name}`}
          value={text}
          onInput={event => setTyped({ file, text: event.currentTarget.value })}
        />
        <button type="submit" class="main" disabled={!writable || numberIn(text) === undefined} aria-keyshortcuts="s">
          Set <kbd>S</kbd>
        </button>
      </form>
      <button type="button" disabled={!writable} aria-keyshortcuts="d" onClick={drop}>
        Drop <kbd>D</kbd>
      </button>
      <button type="button" disabled={!writable || undoables().length === 0} aria-keyshortcuts="u" onClick={undo}>
        Undo <kbd>U</kbd>
      </button>
    </div>
  );
}

/** Turns single keys on and off. */
export function KeysSwitch() {
  const isOn = useStore(keysDecide);
  return (
    <label class="switch note">
      <input
        type="checkbox"
        checked={isOn}
        onChange={event => {
          keysDecide.value = event.currentTarget.checked;
        }}
      />{' '}
      Keys decide
    </label>
  );
}
