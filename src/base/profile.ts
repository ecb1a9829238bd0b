/** What happens to images on their way to numbers. */
export const activities = ['read', 'decode', 'resize', 'compute', 'write'] as const;
export type Activity = (typeof activities)[number];

/** Where the time of some work went. */
export interface ProfileReport {
  /** Seconds of each step, one after another, in their order. */
  readonly steps: Readonly<Record<string, number>>;
  /**
   * Seconds in which at least one piece of an activity was under way; several are at once. `wait`: in which images were under way and
   * the engine had none.
   */
  readonly images: Readonly<Record<Activity | 'wait', number>>;
}

/** Finds out where the time goes. */
export class Profile {
  private readonly steps = new Map<string, number>();
  private readonly busy = new Map<string, { under: number; since: number; ms: number }>();

  /** Does `work`, a step of its own; steps of one name are added up. */
  async step<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.steps.set(name, (this.steps.get(name) ?? 0) + performance.now() - started);
    }
  }

  /** Says that a piece of an activity, or of the way as a whole, is under way until what is returned is called. */
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

/** Does `work`, as an activity of `profile` where there is one. */
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

/** Does `work`, as a step of `profile` where there is one. */
export const step = <T>(profile: Profile | undefined, name: string, work: () => Promise<T>): Promise<T> =>
  profile === undefined ? work() : profile.step(name, work);
