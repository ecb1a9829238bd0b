import type { ComponentChildren } from 'preact';

/** A fault in one line. */
export function Fault({ reason }: { readonly reason: string }) {
  return (
    <p class="fault" role="alert">
      {reason}
    </p>
  );
}

/** What a page says where it has nothing to show yet. */
export function Empty({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <div class="card empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}
