import { formatCount, plural } from '../../src/report/format.js';
import type { StudioData } from '../../src/serving/studio/protocol.js';
import { numberIn, useFormat } from '../base/format.js';
import { replaceQuery, route } from '../base/router.js';
import { useStore } from '../base/store.js';
import { state } from '../base/studio.js';
import { useSamples } from '../base/use-samples.js';
import { NoticeLine } from '../parts/decision.js';
import { Fault } from '../parts/fault.js';
import { Choice, RangeFields, SearchField } from '../parts/fields.js';
import { Heading } from '../parts/heading.js';
import { Histogram } from '../parts/histogram.js';
import { MoreButton } from '../parts/more.js';
import { SampleDialog } from '../parts/sample-dialog.js';
import { SampleTile } from '../parts/sample-tile.js';

const shows = [
  ['all', 'All'],
  ['decided', 'Decided'],
  ['suspicious', 'Suspicious'],
  ['broken', 'Broken'],
] as const;
const sorts = [
  ['file', 'File'],
  ['label', 'Label, lowest first'],
  ['-label', 'Label, highest first'],
  ['score', 'Most suspicious first'],
  ['error', 'Largest error first'],
] as const;

/** The pictures of the data set: by number, by name, by what is known of them. */
export function DataPage({ data }: { readonly data: StudioData }) {
  const { query } = useStore(route);
  const writable = useStore(state)?.writable ?? false;
  const format = useFormat();
  const from = numberIn(query.from);
  const to = numberIn(query.to);
  const show = shows.find(([name]) => name === query.show)?.[0] ?? 'all';
  const sort = sorts.find(([name]) => name === query.sort)?.[0] ?? 'file';
  const samples = useSamples({ from, to, search: query.search, show, sort });
  const { labels, decided } = data;
  const opened = samples.items.findIndex(({ file }) => file === query.file);
  const isFiltered = from !== undefined || to !== undefined || query.search !== undefined || show !== 'all';
  const decisions = decided.kept + decided.set + decided.dropped;

  return (
    <>
      <Heading title="Data">
        {data.shown}: {plural(data.images, 'picture')}, {format.name} {format.label(labels.min)} to{' '}
        {format.label(labels.max)}
        {format.unit}, mean {format.figure(labels.mean)}
        {data.skipped > 0 && `; ${formatCount(data.skipped)} broken`}
        {decisions > 0 && `; ${plural(decisions, 'decision')}`}
      </Heading>
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
              </option>
            ))}
          </select>
        </div>
      </section>
      <NoticeLine />
      <section aria-label="Pictures">
        <p class="count" role="status">
          <span>
            {samples.total === undefined ? 'Loading …' : plural(samples.total, show === 'broken' ? 'file' : 'picture')}
          </span>
          {isFiltered && (
            <button
              type="button"
              class="plain"
              onClick={() => replaceQuery({ from: undefined, to: undefined, search: undefined, show: undefined })}
            >
              Show all
            </button>
          )}
        </p>
        {samples.fault !== undefined && <Fault reason={samples.fault} />}
        {samples.broken.length > 0 && (
          <div class="card table files">
            <table>
              <caption class="hidden">Files that are no pictures</caption>
              <thead>
                <tr>
                  <th scope="col">File</th>
                  <th scope="col" class="text">
                    Reason
                  </th>
                </tr>
              </thead>
              <tbody>
                {samples.broken.map(({ file, reason }) => (
                  <tr key={file}>
                    <th scope="row">{file}</th>
                    <td class="text">{reason}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <ul class="tiles">
          {samples.items.map(sample => (
            <SampleTile key={sample.file} sample={sample} onOpen={() => replaceQuery({ file: sample.file })} />
          ))}
        </ul>
        <MoreButton hasMore={samples.hasMore} onMore={samples.more} />
      </section>
      {opened >= 0 && (
        <SampleDialog
          sample={samples.items[opened]!}
          writable={writable}
          onClose={() => replaceQuery({ file: undefined })}
          onStep={step => {
            const next = samples.items[opened + step];
            if (next) replaceQuery({ file: next.file });
          }}
        />
      )}
    </>
  );
}
