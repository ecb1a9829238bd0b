/** Activities of the image pipeline. */
export const activities = ['read', 'decode', 'resize', 'compute', 'write'] as const;
export type Activity = (typeof activities)[number];

/** Measured times. */
export interface ProfileReport {
  /** Seconds of each sequential step, in order. */
  readonly steps: Readonly<Record<string, number>>;
  /**
   * Seconds in which at least one task of an activity was running; activities overlap. `wait`: seconds in which the pipeline was running
   * and the engine was idle.
   */
  readonly images: Readonly<Record<Activity | 'wait', number>>;
}

/** Measures where time is spent. */
export class Profile {
  private readonly steps = new Map<string, number>();
  private readonly busy = new Map<string, { under: number; since: number; ms: number }>();

  /** Runs `work` as a step; times of equal names are added. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.steps.set(name, (this.steps.get(name) ?? 0) + performance.now() - started);
    }
  }

  /** Marks a task of an activity, or the pipeline (`way`), as running until the returned function is called. */
  start(what: Activity | 'way'): () => void {
    const entry = this.busy.get(what) ?? { under: 0, since: 0, ms: 0 };
    this.busy.set(what, entry);
    if (entry.under++ === 0) entry.since = performance.now();
    return () => {
      if (--entry.under === 0) entry.ms += performance.now() - entry.since;
    };
  }

  report(): ProfileReport {
    const seconds = (what: Activity | 'way') => (this.busy.get(what)?.ms ?? 0) / 1000;
    const [read, decode, resize, compute, write] = activities.map(seconds) as [number, number, number, number, number];
    return {
      steps: Object.fromEntries([...this.steps].map(([name, ms]) => [name, ms / 1000])),
      images: { read, decode, resize, compute, write, wait: Math.max(0, seconds('way') - compute) },
    };
  }
}

/** Runs `work` as an activity of `profile`, if given. */
export async function during<T>(
  profile: Profile | undefined,
  activity: Activity,
  work: () => Promise<T> | T,
): Promise<T> {
  const end = profile?.start(activity);
  try {
    return await work();
  } finally {
    end?.();
  }
}

/** Runs `work` as a step of `profile`, if given. */
export const step = <T>(profile: Profile | undefined, name: string, work: () => Promise<T>): Promise<T> =>
  profile === undefined ? work() : profile.step(name, work);
