import { useLayoutEffect, useRef } from 'preact/hooks';
import { Store } from '../base/store.js';

/** The actions of the keyboard shortcuts. */
export interface DecisionKeys {
  keep(): void;
  set(): void;
  drop(): void;
  undo(): void;
  move(step: number): void;
  /** The first character of another value. */
  type(digit: string): void;
}

const KEY = 'eyeball-review-keys';

/** Whether keyboard shortcuts are on; off for users whose assistive software needs these keys. */
export const keysDecide = new Store(localStorage.getItem(KEY) !== 'off');
keysDecide.subscribe(() => localStorage.setItem(KEY, keysDecide.value ? 'on' : 'off'));

/**
 * Handles keyboard shortcuts, wherever the focus is.
 *
 * @param isActive False while a dialog covers the image.
 */
export function useDecisionKeys(keys: DecisionKeys, isActive: boolean): void {
  const latest = useRef({ keys, isActive });
  latest.current = { keys, isActive };
  // A layout effect: a key can follow at once after the page is painted.
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

/** The arrow keys that also work in a dialog; the others scroll it. */
const SIDEWAYS = { ArrowLeft: -1, ArrowRight: 1 } as const;

/** Handles a key; returns whether it did. In the field of the value, digits and arrows edit the field. */
function act(keys: DecisionKeys, { key, target }: KeyboardEvent): boolean {
  const isField = target instanceof HTMLInputElement && target.type === 'number';
  if (isField && key === 'Escape') target.blur();
  const steps = document.querySelector('dialog[open]') === null ? { ...SIDEWAYS, ArrowUp: -1, ArrowDown: 1 } : SIDEWAYS;
  const step = isField ? undefined : (steps as Readonly<Record<string, number>>)[key];
  if (!keysDecide.value) {
    // Arrow keys work in any case: assistive software does not use them.
    if (step !== undefined) keys.move(step);
    return step !== undefined;
  }
  const action = { k: keys.keep, s: keys.set, d: keys.drop, u: keys.undo }[key.toLowerCase()];
  if (action) {
    if (isField) target.blur();
    action();
    return true;
  }
  if (isField) return false;
  if (step !== undefined) keys.move(step);
  else if (/^[\d.-]$/.test(key)) keys.type(key);
  else return false;
  return true;
}
