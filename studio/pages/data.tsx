import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { SamplesAnswer, StudioData } from '../../src/formats/studio-protocol.js';
import { formatCount, plural } from '../../src/report/format.js';
import { apiUrl, getJson } from '../base/api.js';
import { numberIn, useFormat } from '../base/format.js';
import { replaceQuery, route } from '../base/router.js';
import { useStore } from '../base/store.js';
import { age } from '../base/studio.js';
import { useOpened } from '../base/use-opened.js';
import { type Samples, type SamplesQuery, useSamples } from '../base/use-samples.js';
import { Fault, Heading } from '../parts/blocks.js';
import { BrokenFiles } from '../parts/broken-files.js';
import { NoticeLine } from '../parts/decision.js';
import { Choice, Jump, type JumpTo, RangeFields, SearchField } from '../parts/fields.js';
import { Histogram } from '../parts/histogram.js';
import { EvaluateOffer, SearchOffer } from '../parts/job-start.js';
import { NamingForm } from '../parts/naming-form.js';
import { SampleTile, WaitingTile } from '../parts/sample-tile.js';
import { SampleView } from '../parts/sample-view.js';
import { Tiles } from '../parts/tiles.js';

const shows = [
  ['all', 'All'],
  ['decided', 'Decided'],
  ['suspicious', 'Suspicious'],
  ['broken', 'Broken'],
] as const;
const sorts = [
  ['file', 'By file name'],
  ['label', 'By label, lowest first'],
  ['-label', 'By label, highest first'],
  ['score', 'Most suspicious first'],
  ['error', 'Largest error first'],
] as const;
/** What a sort order needs. */
const needs = {
  score: ['doubts', 'needs a search'],
  error: ['errors', 'needs an evaluation'],
} as const;

/** The images of the dataset, filtered and sorted. */
export function DataPage({ data }: { readonly data: StudioData }) {
  const { query } = useStore(route);
  const format = useFormat();
  const from = numberIn(query.from);
  const to = numberIn(query.to);
  const show = shows.find(([name]) => name === query.show)?.[0] ?? 'all';
  const sort = sorts.find(([name]) => name === query.sort)?.[0] ?? 'file';
  const asked = { from, to, search: query.search, show, sort };
  const samples = useSamples(asked);
  const { known } = samples;
  const { labels, decided } = data;
  const isFiltered = from !== undefined || to !== undefined || query.search !== undefined || show !== 'all';
  const decisions = decided.kept + decided.set + decided.dropped;
  const lacks = (sort: string) => {
    const need = needs[sort as keyof typeof needs];
    return need !== undefined && known !== undefined && !known[need[0]] ? need[1] : undefined;
  };

  return (
    <>
      <Heading title="Data">
        {data.shown}: {plural(data.images, 'image')}, {format.name} {format.label(labels.min)} to{' '}
        {format.label(labels.max)}
        {format.unit}, mean {format.figure(labels.mean)}
        {data.skipped > 0 && `; ${formatCount(data.skipped)} broken`}
        {decisions > 0 && `; ${plural(decisions, 'decision')}`}
      </Heading>
      <NamingForm data={data} />
      <section class="card filter" aria-label="Filter">
        <Histogram
          bins={data.histogram}
          from={from}
          to={to}
          format={format.label}
          onSelect={(from, to) => replaceQuery({ from, to })}
        />
        <div class="controls">
          <RangeFields
            label={format.name}
            until="below"
            from={from}
            to={to}
            onChange={(from, to) => replaceQuery({ from, to })}
          />
          <Choice label="Show" value={show} options={shows} onChange={show => replaceQuery({ show })} />
          <SearchField
            label="Search file names"
            value={query.search ?? ''}
            onChange={search => replaceQuery({ search })}
          />
          <select
            aria-label="Sort by"
            value={sort}
            onChange={event => replaceQuery({ sort: event.currentTarget.value })}
          >
            {sorts.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
                {lacks(value) && ` (${lacks(value)})`}
              </option>
            ))}
          </select>
        </div>
      </section>
      {sort === 'error' && lacks('error') && <EvaluateOffer data={data} />}
      {(sort === 'score' || show === 'suspicious') && lacks('score') && <SearchOffer />}
      <NoticeLine />
      <Images asked={asked} samples={samples} isFiltered={isFiltered} />
    </>
  );
}

/** The images of the query, and the details of the open one. */
function Images(props: { readonly asked: SamplesQuery; readonly samples: Samples; readonly isFiltered: boolean }) {
  const { asked, samples, isFiltered } = props;
  const format = useFormat();
  const { opened, open, show, close } = useOpened('data');
  // The position of the open image: known if it was clicked or stepped to, fetched if a link names it.
  const [reached, setReached] = useState<{ readonly file: string; readonly place: number }>();
  const asking = usePlace(asked, opened?.file);
  const place = asking ?? (reached !== undefined && reached.file === opened?.file ? reached.place : undefined);
  const step = useSteps(asked, place, (file, place) => {
    setReached({ file, place });
    show({ file, of: 'data' });
  });
  const [reveal, setReveal] = useState<{ readonly place: number }>();
  const [fault, setFault] = useState<string>();
  const isBroken = asked.show === 'broken';
  useEffect(() => {
    // A link to an image far down scrolls there.
    if (place !== undefined) setReveal({ place });
  }, [place]);

  const jump = async ({ kind, number }: JumpTo) => {
    setFault(undefined);
    if (kind === 'place') {
      setReveal({ place: Math.min(Math.max(1, Math.round(number)), samples.total ?? 1) - 1 });
      return;
    }
    const sort = asked.sort === '-label' ? '-label' : 'label';
    const { place } = await getJson<SamplesAnswer>(apiUrl('samples', { ...asked, sort, value: number, limit: 1 }));
    replaceQuery({ sort });
    if (place == null)
      setFault(`No image has ${format.name} ${format.label(number)} or ${sort === 'label' ? 'more' : 'less'}.`);
    else setReveal({ place });
  };
  return (
    <section aria-label="Images">
      <div class="count spread row">
        <p role="status">
          {samples.total === undefined ? 'Loading …' : plural(samples.total, isBroken ? 'file' : 'image')}
        </p>
        {isFiltered && <ShowAll />}
        {!isBroken && (samples.total ?? 0) > MANY && (
          <Jump name={format.name} onJump={to => void jump(to).catch(() => {})} />
        )}
      </div>
      {fault !== undefined && <Fault reason={fault} />}
      {samples.fault !== undefined && <Fault reason={samples.fault} />}
      {isBroken ? (
        <BrokenFiles search={asked.search as string | undefined} />
      ) : (
        <Tiles
          count={samples.total ?? 0}
          label="Images"
          lines={2}
          reveal={reveal}
          onNeed={samples.need}
          tile={at => {
            const sample = samples.at(at);
            if (sample === undefined) return <WaitingTile />;
            const onOpen = () => {
              setReached({ file: sample.file, place: at });
              open({ file: sample.file, of: 'data' });
            };
            return <SampleTile sample={sample} onOpen={onOpen} />;
          }}
        />
      )}
      {opened && (
        <SampleView
          opened={opened}
          onClose={close}
          onStep={place === undefined ? undefined : by => void step(by).catch(() => {})}
          onOpen={open}
        />
      )}
    </section>
  );
}

function ShowAll() {
  const clear = () => replaceQuery({ from: undefined, to: undefined, search: undefined, show: undefined });
  return (
    <button type="button" class="plain" onClick={clear}>
      Show all
    </button>
  );
}

/**
 * A function that steps to a neighbor of the open image.
 *
 * @param place The position of the open image.
 * @param onFound Called with the neighbor, unless another step came in between.
 */
function useSteps(asked: SamplesQuery, place: number | undefined, onFound: (file: string, place: number) => void) {
  // The position from which keys step on, ahead of the shown image while requests are pending.
  const position = useRef(place);
  const underWay = useRef(0);
  useLayoutEffect(() => {
    if (underWay.current === 0) position.current = place;
  }, [place]);
  return async (by: number) => {
    const next = (position.current ?? -1) + by;
    if (position.current === undefined || next < 0) return;
    // Before the request: another key can come before its response.
    position.current = next;
    underWay.current++;
    try {
      const { samples: found } = await getJson<SamplesAnswer>(apiUrl('samples', { ...asked, offset: next, limit: 1 }));
      if (position.current !== next) return;
      if (found[0] === undefined) {
        // After the last image.
        position.current = next - by;
        return;
      }
      onFound(found[0].file, next);
    } finally {
      underWay.current--;
    }
  };
}

/** Fewer images need no jump. */
const MANY = 60;

/** The position of a file among the images of the query; undefined if it is not among them or not known yet. */
function usePlace(asked: SamplesQuery, file: string | undefined): number | undefined {
  const url = file === undefined ? undefined : apiUrl('samples', { ...asked, file, limit: 1 });
  const since = useStore(age);
  const [found, setFound] = useState<{ readonly url: string; readonly place: number | undefined }>();
  useEffect(() => {
    if (url === undefined) return;
    const stop = new AbortController();
    getJson<SamplesAnswer>(url, stop.signal).then(
      ({ place }) => setFound({ url, place: place ?? undefined }),
      // Without a position there are no steps; the details show the error.
      () => {},
    );
    return () => stop.abort();
  }, [url, since]);
  return found !== undefined && found.url === url ? found.place : undefined;
}
