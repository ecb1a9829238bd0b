import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** A dialog over the page: Escape, its button and a click beside it close it, and the focus goes back to where it was. */
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
