import type { Ref } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { ShownDecision } from '../../src/formats/studio-protocol.js';
import { decide, decisionOf } from '../base/decisions.js';
import { numberIn, useFormat } from '../base/format.js';
import { useStore } from '../base/store.js';
import { popUndo, pushUndo, type Undoable, undoables, undoChanges } from '../base/undo.js';
import { keysDecide, useDecisionKeys } from './decision-keys.js';

/**
 * The buttons, the field and the keyboard shortcuts for the decision about an image.
 *
 * @param props.right The initial value of the field: the set value, else the suggested one, else the label.
 * @param props.fetched The decision as fetched.
 * @param props.isActive Whether keyboard shortcuts are on.
 * @param props.isSeen False if the image cannot be shown: then only the buttons work.
 * @param props.onTaken Called after a decision.
 * @param props.onUndone Called after an undo.
 * @param props.onMove Called with -1 or 1 for an arrow key.
 */
export function DecisionForm(props: {
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
  useStore(undoChanges);
  // The text belongs to one image and survives renders.
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
  const ifSeen = (action: () => void) => (isSeen ? action : () => {});
  useDecisionKeys({ keep: ifSeen(keep), set: ifSeen(set), drop: ifSeen(drop), undo, move: onMove, type }, isActive);

  return (
    <div class="decision-form">
      {!isSeen && (
        <p class="note" role="status">
          The image cannot be shown. Keyboard shortcuts are off for it; use the buttons.
        </p>
      )}
      <button type="button" disabled={!writable} aria-keyshortcuts="k" onClick={keep}>
        Keep <kbd>K</kbd>
      </button>
      <SetForm
        field={field}
        text={text}
        writable={writable}
        onInput={text => setTyped({ file, text })}
        onSubmit={() => {
          set();
          field.current?.blur();
        }}
      />
      <button type="button" disabled={!writable} aria-keyshortcuts="d" onClick={drop}>
        Drop <kbd>D</kbd>
      </button>
      <button type="button" disabled={!writable || undoables().length === 0} aria-keyshortcuts="u" onClick={undo}>
        Undo <kbd>U</kbd>
      </button>
    </div>
  );
}

function SetForm(props: {
  readonly field: Ref<HTMLInputElement>;
  readonly text: string;
  readonly writable: boolean;
  readonly onInput: (text: string) => void;
  readonly onSubmit: () => void;
}) {
  const { field, text, writable, onInput, onSubmit } = props;
  const format = useFormat();
  return (
    <form
      class="set"
      onSubmit={event => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <input
        ref={field}
        type="number"
        step="any"
        aria-label={`Correct ${format.name}`}
        value={text}
        onInput={event => onInput(event.currentTarget.value)}
      />
      <button type="submit" class="main" disabled={!writable || numberIn(text) === undefined} aria-keyshortcuts="s">
        Set <kbd>S</kbd>
      </button>
    </form>
  );
}

/** Turns keyboard shortcuts on and off. */
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
      Keyboard shortcuts
    </label>
  );
}
