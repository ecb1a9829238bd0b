import { formatCount } from '../../src/report/format.js';
import type { Job } from '../../src/serving/studio/protocol.js';
import { duration } from '../base/format.js';

/** How far a job is: its phase, a bar, the rate and the time left. */
export function JobProgress({ job }: { readonly job: Job }) {
  const { progress } = job;
  if (progress === null) return <progress aria-label="Starting" />;
  const { phase, done, total, unit, rate, secondsLeft } = progress;
  const rateText = rate === null ? '' : `${rate >= 10 ? Math.round(rate) : rate.toPrecision(2)} ${unit} a second`;
  return (
    <div class="progress">
      <p class="pair">
        <b>{phase}</b>
        <span class="muted">
          {formatCount(done)} of {formatCount(total)} {unit}
        </span>
      </p>
      <progress aria-label={phase} value={done} max={Math.max(total, 1)} />
      <p class="pair note">
        <span>{rateText}</span>
        <span>{secondsLeft !== null && `about ${duration(secondsLeft)} left`}</span>
      </p>
    </div>
  );
}
