import type { Review } from '../../src/formats/studio-protocol.js';
import { formatPercent, plural } from '../../src/report/format.js';
import { apiUrl } from '../base/api.js';
import { useFetched } from '../base/hooks.js';
import { hrefTo } from '../base/router.js';
import { useStore } from '../base/store.js';
import { age } from '../base/studio.js';
import { Empty, Fault, Heading } from '../parts/blocks.js';
import { JobStart } from '../parts/job-start.js';
import { Reviewer } from '../parts/reviewer.js';

/** The suspicious labels, one at a time. */
export function ReviewPage() {
  const fetched = useFetched<Review>(apiUrl('review'), useStore(age));
  if (fetched.kind === 'ready' && fetched.value.items.length > 0) {
    const { items, wrongShare } = fetched.value;
    return (
      <>
        <Heading title="Review">
          {plural(items.length, 'suspicious label')}; estimated share of wrong labels: {formatPercent(wrongShare)}
        </Heading>
        <Reviewer items={items} />
        <section class="after" aria-label="Search again">
          <p class="note">
            Trainings use the decisions: <a href={hrefTo('train')}>train again</a> when you are done.
          </p>
          <JobStart order={{ kind: 'clean' }} text="Search again" quiet />
        </section>
      </>
    );
  }
  return (
    <>
      <Heading title="Review" />
      {fetched.kind === 'failed' && <Fault reason={fetched.reason} />}
      {fetched.kind === 'ready' && (
        <Empty title="No suspicious labels">
          <JobStart order={{ kind: 'clean' }} text="Search again" />
        </Empty>
      )}
      {fetched.kind === 'none' && (
        <Empty title="The labels have not been searched yet">
          <p>Each label is compared with out-of-fold predictions and with the labels of the most similar images.</p>
          <JobStart order={{ kind: 'clean' }} text="Search for wrong labels" />
        </Empty>
      )}
    </>
  );
}
