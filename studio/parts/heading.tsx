import type { ComponentChildren } from 'preact';

/** The heading of a page; it takes the focus when the page is opened by a tab. */
export function Heading({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {children && <p class="lead">{children}</p>}
    </header>
  );
}
