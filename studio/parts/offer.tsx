import type { StudioData } from '../../src/formats/studio-protocol.js';
import { hrefTo } from '../base/router.js';
import { useStore } from '../base/store.js';
import { state } from '../base/studio.js';
import { JobStart } from './job-start.js';

/** Says that images cannot be sorted by their errors yet, and what to do about it. */
export function MeasureOffer({ data }: { readonly data: StudioData }) {
  const model = useStore(state)?.model ?? null;
  return (
    <div class="card offer">
      {model === null && (
        <p>
          The largest errors need a model: <a href={hrefTo('train')}>train one</a>.
        </p>
      )}
      {model !== null && data.test !== null && (
        <p>
          Models are measured on {data.test}, so no errors of these images are known.{' '}
          <a href={hrefTo('results')}>Results</a> shows the largest errors there.
        </p>
      )}
      {model !== null && data.test === null && (
        <>
          <p>The largest errors are known once the model has predicted these images.</p>
          <JobStart order={{ kind: 'evaluate' }} text="Measure" />
        </>
      )}
    </div>
  );
}

/** Says that suspicious labels are not known yet, and starts the search for them. */
export function SearchOffer() {
  return (
    <div class="card offer">
      <p>Which labels are suspicious is known after a search for wrong labels.</p>
      <JobStart order={{ kind: 'clean' }} text="Look for wrong labels" />
    </div>
  );
}
