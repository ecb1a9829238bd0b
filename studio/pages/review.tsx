import type { Review } from '../../src/formats/studio-protocol.js';
import { formatPercent, plural } from '../../src/report/format.js';
import { apiUrl } from '../base/api.js';
import { hrefTo } from '../base/router.js';
import { useStore } from '../base/store.js';
import { age } from '../base/studio.js';
import { useFetched } from '../base/use-fetched.js';
import { Empty, Fault } from '../parts/fault.js';
import { Heading } from '../parts/heading.js';
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
          {plural(items.length, 'suspicious label')}; share of labels that are wrong: {formatPercent(wrongShare)}
        </Heading>
        <Reviewer items={items} />
        <section class="after" aria-label="Search again">
          <p class="note">
            Trainings use the decisions: <a href={hrefTo('train')}>train again</a> when you are through.
          </p>
          <JobStart order={{ kind: 'clean' }} text="Look again" quiet />
        </section>
      </>
    );
  }
  return (
    <>
      <Heading title="Review" />
      {fetched.kind === 'failed' && <Fault reason={fetched.reason} />}
      {fetched.kind === 'ready' && (
        <Empty title="No label is suspicious">
          <JobStart order={{ kind: 'clean' }} text="Look again" />
        </Empty>
      )}
      {fetched.kind === 'none' && (
        <Empty title="Nobody has looked for wrong labels yet">
          <p>Models that never saw an image, and the images most like it, say what its number should be.</p>
          <JobStart order={{ kind: 'clean' }} text="Look for wrong labels" />
        </Empty>
      )}
    </>
  );
}
