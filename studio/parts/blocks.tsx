import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { withLabels } from '../base/labels.js';

/** The heading of a page; it gets the focus when a tab opens the page. */
export function Heading({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {children && <p class="lead">{children}</p>}
    </header>
  );
}

/** An error in one line, with options as the labels of the form. */
export function Fault({ reason }: { readonly reason: string }) {
  return (
    <p class="fault" role="alert">
      {withLabels(reason)}
    </p>
  );
}

/** The text of a page that has nothing to show yet. */
export function Empty({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="card empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** A modal dialog. Escape, its button and a click outside close it and restore the focus. */
export function Dialog(props: {
  readonly label: string;
  readonly onClose: () => void;
  readonly onKeyDown?: (event: KeyboardEvent) => void;
  readonly children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    ref.current!.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-label={props.label}
      onClose={props.onClose}
      onKeyDown={props.onKeyDown}
      onClick={event => {
        if (event.target === ref.current) ref.current!.close();
      }}
    >
      <div class="inside">
        {props.children}
        <button type="button" class="close" aria-label="Close" onClick={() => ref.current!.close()}>
          ×
        </button>
      </div>
    </dialog>
  );
}
