import { useLayoutEffect, useRef } from 'preact/hooks';
import { Store } from '../base/store.js';

/** What single keys do where labels are decided. */
export interface DecisionKeys {
  keep(): void;
  set(): void;
  drop(): void;
  undo(): void;
  move(step: number): void;
  /** The first character of another number. */
  type(digit: string): void;
}

const KEY = 'eyeball-review-keys';

/** Whether single keys decide; off for readers whose software uses them otherwise. */
export const keysDecide = new Store(localStorage.getItem(KEY) !== 'off');
keysDecide.subscribe(() => localStorage.setItem(KEY, keysDecide.value ? 'on' : 'off'));

/**
 * Listens to single keys, wherever the focus is.
 *
 * @param isActive False while something lies over what they decide about.
 */
export function useDecisionKeys(keys: DecisionKeys, isActive: boolean): void {
  const latest = useRef({ keys, isActive });
  latest.current = { keys, isActive };
  // Before the page is painted: a key may follow what is seen at once.
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const { keys, isActive } = latest.current;
      if (!isActive || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (act(keys, event)) event.preventDefault();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);
}

/** The arrows that lead on in a dialog too; the others scroll it. */
const SIDEWAYS = { ArrowLeft: -1, ArrowRight: 1 } as const;

/** Whether the key meant something. In the field of the number, digits and arrows are its own; letters mean nothing there. */
function act(keys: DecisionKeys, { key, target }: KeyboardEvent): boolean {
  const isField = target instanceof HTMLInputElement && target.type === 'number';
  if (isField && key === 'Escape') target.blur();
  const steps = document.querySelector('dialog[open]') === null ? { ...SIDEWAYS, ArrowUp: -1, ArrowDown: 1 } : SIDEWAYS;
  const step = isField ? undefined : (steps as Readonly<Record<string, number>>)[key];
  if (!keysDecide.value) {
    // Arrows are no single keys of a reader's software.
    if (step !== undefined) keys.move(step);
    return step !== undefined;
  }
  const deed = { k: keys.keep, s: keys.set, d: keys.drop, u: keys.undo }[key.toLowerCase()];
  if (deed) {
    if (isField) target.blur();
    deed();
    return true;
  }
  if (isField) return false;
  if (step !== undefined) keys.move(step);
  else if (/^[\d.-]$/.test(key)) keys.type(key);
  else return false;
  return true;
}
