import { Store } from './store.js';

/** The pages, in the order of their tabs. */
export const pageNames = ['data', 'train', 'results', 'review', 'try'] as const;
export type PageName = (typeof pageNames)[number];

/** The page and query of the address: `#/data?from=20&to=30`. */
export interface Route {
  readonly page: PageName;
  readonly query: Readonly<Record<string, string>>;
}

function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const page = pageNames.find(name => name === path) ?? 'data';
  return { page, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The current route. */
export const route = new Store<Route>(routeOf(location.hash));

/** A link to a page of the studio; empty values of `query` are left out. */
export function hrefTo(page: PageName, query: Readonly<Record<string, string | number | undefined>> = {}): string {
  const entries = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || value === '' ? [] : [[key, `${value}`]],
  );
  return `#/${page}${entries.length === 0 ? '' : `?${new URLSearchParams(entries)}`}`;
}

type Changes = Readonly<Record<string, string | number | undefined>>;

/** Changes the query of the current page without a new step in the browser's history. */
export function replaceQuery(changes: Changes): void {
  const { page, query } = route.value;
  history.replaceState(history.state, '', hrefTo(page, { ...query, ...changes }));
  route.value = routeOf(location.hash);
}

/** The same as a new step in the history. */
export function pushQuery(changes: Changes): void {
  const { page, query } = route.value;
  history.pushState(PUSHED, '', hrefTo(page, { ...query, ...changes }));
  route.value = routeOf(location.hash);
}

/** Takes back what `pushQuery` added; makes `changes` instead if the page was opened by a link. */
export function goBack(changes: Changes): void {
  if (history.state === PUSHED) history.back();
  else replaceQuery(changes);
}

/** The state of the history's steps that this page added. */
const PUSHED = 'eyeball';

addEventListener('hashchange', () => {
  route.value = routeOf(location.hash);
});
