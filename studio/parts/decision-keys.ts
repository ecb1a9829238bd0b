import { useEffect, useRef, useState } from 'preact/hooks';

/** What keys do in Review. */
export interface ReviewKeys {
  keep(): void;
  set(): void;
  drop(): void;
  undo(): void;
  move(step: number): void;
  /** The first character of another number. */
  type(digit: string): void;
}

const KEY = 'eyeball-review-keys';

/** Listens to single keys, wherever the focus is; the answer says whether, and turns it off for those whom it disturbs. */
export function useReviewKeys(keys: ReviewKeys): readonly [boolean, (on: boolean) => void] {
  const [isOn, setIsOn] = useState(() => localStorage.getItem(KEY) !== 'off');
  const latest = useRef(keys);
  latest.current = keys;
  // What is drawn lags behind: a key pressed right after they were turned off must do nothing.
  const listens = useRef(isOn);
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (!listens.current || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
      if (act(latest.current, event)) event.preventDefault();
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);
  const change = (on: boolean) => {
    listens.current = on;
    localStorage.setItem(KEY, on ? 'on' : 'off');
    setIsOn(on);
  };
  return [isOn, change];
}

/** Whether the key meant something. In the field of the number, digits and arrows are its own; letters mean nothing there. */
function act(keys: ReviewKeys, { key, target }: KeyboardEvent): boolean {
  const isField = target instanceof HTMLInputElement && target.type === 'number';
  if (isField && key === 'Escape') target.blur();
  const deed = { k: keys.keep, s: keys.set, d: keys.drop, u: keys.undo }[key.toLowerCase()];
  if (deed) {
    if (isField) target.blur();
    deed();
    return true;
  }
  if (isField) return false;
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
  if (step !== undefined) keys.move(step);
  else if (/^[\d.-]$/.test(key)) keys.type(key);
  else return false;
  return true;
}
