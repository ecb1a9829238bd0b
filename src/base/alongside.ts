import { step } from './profile.js';
import { contextOf, type RunContext } from './progress.js';

/**
 * What `main` and `side` come to, both done at once: what leaves a core idle is done beside what leaves another one. Progress is that of
 * `main` until it is done, for one line cannot tell of two, and `name` is the step that the rest of `side` takes in a profile. When one
 * fails the other is stopped, and has ended before this throws.
 */
export async function alongside<A, B>(
  context: RunContext,
  main: (context: RunContext) => Promise<A>,
  name: string,
  side: (context: RunContext) => Promise<B>,
): Promise<[A, B]> {
  const failed = new AbortController();
  const signal = context.signal === undefined ? failed.signal : AbortSignal.any([context.signal, failed.signal]);
  let isMain = true;
  const quiet: RunContext = {
    ...contextOf(context),
    signal,
    profile: undefined,
    onProgress: progress => {
      if (!isMain) context.onProgress?.(progress);
    },
  };
  const beside = side(quiet);
  const first = main({ ...contextOf(context), signal });
  const both = first.then(async result => {
    isMain = false;
    return [result, await step(context.profile, name, () => beside)] as [A, B];
  });
  try {
    // The first to fail is heard at once.
    await Promise.all([first, beside]);
    return await both;
  } catch (thrown) {
    failed.abort();
    await Promise.allSettled([first, beside, both]);
    throw thrown;
  }
}
