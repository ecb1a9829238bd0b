import type { StudioState } from '../../src/formats/studio-protocol.js';
import { saving } from '../base/decisions.js';
import { hrefTo, type PageName, pageNames } from '../base/router.js';
import { useStore } from '../base/store.js';
import { job } from '../base/studio.js';

const titles: Readonly<Record<PageName, string>> = {
  data: 'Data',
  train: 'Train',
  results: 'Results',
  review: 'Review',
  try: 'Try',
};

/** The page that shows a kind of job. */
const pageOf = { train: 'train', evaluate: 'results', clean: 'review' } as const;

/** The name of the model, the tabs, and the running job. */
export function TopBar({ state, page }: { readonly state: StudioState | null; readonly page: PageName }) {
  const running = useStore(job);
  const { waiting, trouble } = useStore(saving);
  const names = state?.data == null ? (['try'] as const) : pageNames;
  const overall = running?.state === 'running' ? running.overall : null;
  return (
    <header class="top">
      <div class="bar">
        <p class="kind">
          <svg
            class="eye"
            viewBox="0 0 24 24"
            width="22"
            height="22"
            aria-hidden="true"
            fill="none"
            stroke="currentColor"
            stroke-width="1.8"
          >
            <path d="M2 12C5 6.5 8.5 5 12 5s7 1.5 10 7c-3 5.5-6.5 7-10 7S5 17.5 2 12Z" />
            <circle cx="12" cy="12" r="3.2" fill="currentColor" />
          </svg>
          <span>eyeball</span> <span class="muted model">{state?.model?.name}</span>
        </p>
        {state !== null && names.length > 1 && (
          <nav aria-label="Pages">
            {names.map(name => (
              <a key={name} href={hrefTo(name)} aria-current={name === page ? 'page' : undefined}>
                {titles[name]}
              </a>
            ))}
          </nav>
        )}
        <p class="beside">
          {trouble !== undefined && <a href={hrefTo('review')}>{waiting} not saved</a>}
          {running?.state === 'running' && (
            <a href={hrefTo(pageOf[running.request.kind])} class="running">
              {overall === null ? 'starting' : `${overall.step} · ${Math.floor(100 * overall.share)} %`}
            </a>
          )}
        </p>
      </div>
    </header>
  );
}
