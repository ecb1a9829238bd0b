import { useEffect, useState } from 'preact/hooks';

/** A value outside of components that they can subscribe to. */
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

  /** Calls `listener` after each change; the result unsubscribes. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** The store's value; a change renders the component again. */
export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  const seen = store.value;
  useEffect(() => {
    const draw = () => redraw(count => count + 1);
    // It may have changed since the render.
    if (!Object.is(store.value, seen)) draw();
    return store.subscribe(draw);
  }, [store]);
  return seen;
}
