import { useEffect, useRef } from 'preact/hooks';

/** A button for what comes next, which presses itself when it comes near the window. */
export function MoreButton({ hasMore, onMore }: { readonly hasMore: boolean; readonly onMore: () => void }) {
  const ref = useRef<HTMLButtonElement>(null);
  const latest = useRef(onMore);
  latest.current = onMore;
  const isNear = useRef(false);
  useEffect(() => {
    if (!hasMore) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        isNear.current = entry!.isIntersecting;
        if (isNear.current) latest.current();
      },
      { rootMargin: '800px' },
    );
    observer.observe(ref.current!);
    return () => observer.disconnect();
  }, [hasMore]);
  // A page that does not fill the window moves no edge across it.
  useEffect(() => {
    if (hasMore && isNear.current) latest.current();
  });
  return hasMore ? (
    <button ref={ref} type="button" class="more" onClick={onMore}>
      Show more
    </button>
  ) : null;
}
