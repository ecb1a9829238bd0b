import { levelIn, levelRefusal } from '../../report/level.js';
import { find } from './dom.js';

/** The level in force, from the field for it: the last one that was possible. */
export function levelField(initial: number | null): () => number | undefined {
  if (initial === null) return () => undefined;
  let level = initial;
  const [field, refusal] = [find<HTMLInputElement>('level'), find('level-refusal')];
  field.addEventListener('input', () => {
    const typed = levelIn(field.value);
    level = typed ?? level;
    field.setAttribute('aria-invalid', String(typed === undefined));
    refusal.textContent =
      typed === undefined ? levelRefusal(field.validity.badInput ? 'that' : field.value, level) : '';
  });
  return () => level;
}
