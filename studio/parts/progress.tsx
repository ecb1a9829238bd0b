import type { Job } from '../../src/formats/studio-protocol.js';
import { formatCount } from '../../src/report/format.js';
import { duration } from '../base/format.js';

/** How far a job is: one bar and one time left for the whole of it, and what it is at. */
export function JobProgress({ job }: { readonly job: Job }) {
  const { progress, overall } = job;
  if (progress === null || overall === null)
    return (
      <div class="progress">
        <p class="pair">
          <b>Starting</b>
        </p>
        <progress aria-label="Starting" />
      </div>
    );
  const { phase, detail, done, total, unit, rate } = progress;
  const rateText = rate === null ? '' : `, ${rate >= 10 ? Math.round(rate) : rate.toPrecision(2)} a second`;
  return (
    <div class="progress">
      <p class="pair">
        <b>
          {overall.step}
          {overall.of > 1 && (
            <span class="muted">
              {' '}
              · step {overall.at} of {overall.of}
            </span>
          )}
        </b>
        <span>{overall.secondsLeft !== null && `about ${duration(overall.secondsLeft)} left`}</span>
      </p>
      <progress aria-label="The whole job" value={overall.share} max={1} />
      <p class="note">
        {phase}
        {detail && `, ${detail}`}: {formatCount(done)} of {formatCount(total)} {unit}
        {rateText}
      </p>
    </div>
  );
}
