import type { ShownDecision } from '../../src/formats/studio-protocol.js';
import { Store } from './store.js';
import { state } from './studio.js';

/** A decision that can be taken back. */
export interface Undoable {
  readonly file: string;
  /** What was decided before. */
  readonly before: ShownDecision | null;
  readonly after: ShownDecision;
}

const MOST = 500;
/** One list per dataset; the browser keeps it as long as the tab, also over reloads. */
const key = () => `eyeball-undo ${state.value?.data?.fingerprint}`;

/** Increases with each change of the list. */
export const undoChanges = new Store(0);

/** The decisions of this tab that can be undone, the last one last. */
export function undoables(): readonly Undoable[] {
  try {
    const list: unknown = JSON.parse(sessionStorage.getItem(key()) ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

/** Remembers a decision. */
export const pushUndo = (undoable: Undoable): void => save([...undoables(), undoable].slice(-MOST));

/** Removes and returns the last decision; undefined if there is none. */
export function popUndo(): Undoable | undefined {
  const list = undoables();
  save(list.slice(0, -1));
  return list.at(-1);
}

function save(list: readonly Undoable[]): void {
  try {
    sessionStorage.setItem(key(), JSON.stringify(list));
  } catch {
    // The storage is full or forbidden: there is no undo, but decisions are saved.
  }
  undoChanges.value++;
}
