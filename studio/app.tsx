import { useEffect, useRef } from 'preact/hooks';
import { route } from './base/router.js';
import { useStore } from './base/store.js';
import { connection, state } from './base/studio.js';
import { DataPage } from './pages/data.js';
import { ResultsPage } from './pages/results.js';
import { ReviewPage } from './pages/review.js';
import { TrainPage } from './pages/train.js';
import { TryPage } from './pages/try.js';
import { TokenForm } from './parts/token-form.js';
import { TopBar } from './parts/top-bar.js';

/** The studio: the top bar, the state of the connection, and the page of the address. */
export function App() {
  const current = useStore(state);
  const { kind, ...connected } = useStore(connection);
  const named = useStore(route).page;
  const page = current !== null && current.data === null ? 'try' : named;
  const main = useRef<HTMLElement>(null);
  const before = useRef(page);
  useEffect(() => {
    document.title = `${page[0]!.toUpperCase()}${page.slice(1)} – eyeball studio`;
    if (before.current === page) return;
    before.current = page;
    scrollTo(0, 0);
    main.current?.querySelector('h1')?.focus({ preventScroll: true });
  }, [page]);

  return (
    <>
      <TopBar state={current} page={page} />
      <div role="status">
        {kind === 'lost' && <p class="banner">The connection to the service is lost; trying again …</p>}
      </div>
      <main ref={main}>
        {kind === 'locked' && <TokenForm />}
        {kind !== 'locked' && current === null && (
          <p class="muted starting">
            {'reason' in connected ? `Waiting for the service: ${connected.reason}` : 'Loading …'}
          </p>
        )}
        {kind !== 'locked' && current !== null && <Page key={current.data?.fingerprint} name={page} />}
      </main>
    </>
  );
}

function Page({ name }: { readonly name: string }) {
  const { data, model } = useStore(state)!;
  if (data === null || name === 'try') return <TryPage model={model} />;
  if (name === 'train') return <TrainPage data={data} />;
  if (name === 'results') return <ResultsPage />;
  if (name === 'review') return <ReviewPage />;
  return <DataPage data={data} />;
}
