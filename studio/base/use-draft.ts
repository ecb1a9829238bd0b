import { useEffect, useRef, useState } from 'preact/hooks';

/** What a field shows while it is typed in, and the events to put on it. */
export interface Draft {
  readonly text: string;
  /** Takes what was typed. */
  onInput(text: string): void;
  /** Hands on what was typed and is not handed on yet: when the reader leaves the field or presses Enter. */
  commit(): void;
  /** Commits, and shows the committed value from here on. */
  onBlur(): void;
}

/**
 * The text of a field. While the reader types it belongs to the field: drawing the component again does not touch it. A value that
 * changes otherwise than by this field's own commits replaces it.
 *
 * @param value The committed value.
 * @param onCommit Called with the text when it is committed, only where it differs from what was committed last.
 * @param delayMs Commits also so long after the last key. Default: not before the field is left.
 */
export function useDraft(value: string, onCommit: (text: string) => void, delayMs?: number): Draft {
  const [draft, setDraft] = useState<string>();
  const latest = useRef({ onCommit, typed: undefined as string | undefined });
  latest.current.onCommit = onCommit;
  const committed = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const commit = () => {
    clearTimeout(timer.current);
    const { typed, onCommit } = latest.current;
    if (typed === undefined || typed === committed.current) return;
    committed.current = typed;
    onCommit(typed);
  };
  useEffect(() => {
    if (value === committed.current) return;
    committed.current = value;
    clearTimeout(timer.current);
    latest.current.typed = undefined;
    setDraft(undefined);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    text: draft ?? value,
    onInput(text) {
      latest.current.typed = text;
      setDraft(text);
      clearTimeout(timer.current);
      if (delayMs !== undefined) timer.current = setTimeout(commit, delayMs);
    },
    commit,
    onBlur() {
      commit();
      latest.current.typed = undefined;
      setDraft(undefined);
    },
  };
}
