import type { StudioData } from '../../src/formats/studio-protocol.js';
import { useFormat } from '../base/format.js';
import { useStore } from '../base/store.js';
import { job, state } from '../base/studio.js';
import { Heading } from '../parts/heading.js';
import { JobCard } from '../parts/job-card.js';
import { TrainForm } from '../parts/train-form.js';

/** Starts a training, shows how it goes, stops it and lets it go on. */
export function TrainPage({ data }: { readonly data: StudioData }) {
  const current = useStore(job);
  const writable = useStore(state)?.writable ?? false;
  const format = useFormat();
  const { dropped } = data.decided;
  return (
    <>
      <Heading title="Train">
        A model that names {format.name} from {(data.images - dropped).toLocaleString('en')} images, with the decisions
        taken so far
      </Heading>
      <div class="columns">
        {current?.request.kind === 'train' && <JobCard job={current} />}
        <TrainForm target={data.target} isBusy={current?.state === 'running'} writable={writable} />
      </div>
    </>
  );
}
