import { useEffect, useState } from 'preact/hooks';

/** A value that components show and that changes from outside them. */
export class Store<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(next: T) {
    if (Object.is(next, this.current)) return;
    this.current = next;
    for (const listener of [...this.listeners]) listener();
  }

  /** Calls `listener` after each change; the answer ends that. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** The store's value; the component is drawn again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  const seen = store.value;
  useEffect(() => {
    const draw = () => redraw(count => count + 1);
    // It may have changed between the drawing and here.
    if (!Object.is(store.value, seen)) draw();
    return store.subscribe(draw);
  }, [store]);
  return seen;
}
