import type { z } from 'zod';
import type { Decision } from '../../data/decisions.js';
import type { SamplesAnswer, StudioSample, samplesQuery } from './protocol.js';
import type { Workplace } from './workplace.js';

/** What was found out about pictures of the data, by file. */
export interface SampleFacts {
  readonly decisions: ReadonlyMap<string, Decision>;
  readonly predictions: ReadonlyMap<string, Pick<StudioSample, 'value' | 'low' | 'high'>>;
  readonly doubts: ReadonlyMap<string, Pick<StudioSample, 'suggested' | 'score' | 'kinds'>>;
}

/** Kinds of issues that doubt a label. */
export const doubtsLabel = (kinds: readonly string[] | undefined): boolean =>
  kinds?.some(kind => kind === 'label' || kind === 'conflict') === true;

/** One page of the data's pictures, or of its broken files. */
export function answerSamples(
  { dataset, broken }: Pick<Workplace, 'dataset' | 'broken'>,
  { decisions, predictions, doubts }: SampleFacts,
  query: z.infer<typeof samplesQuery>,
): SamplesAnswer {
  const { from = -Infinity, to = Infinity, show, sort, offset, limit } = query;
  const search = query.search?.toLowerCase() ?? '';
  const isNamed = (file: string) => file.toLowerCase().includes(search);
  if (show === 'broken') {
    const files = [...broken].filter(([file]) => isNamed(file)).sort(([a], [b]) => (a < b ? -1 : 1));
    const page = files.slice(offset, offset + limit).map(([file, reason]) => ({ file, reason }));
    return { total: files.length, samples: [], broken: page };
  }
  const isWanted = (label: number) => label >= from && (label < to || (from === to && label === to));
  const found = dataset.samples.filter(
    ({ file, label }) =>
      isWanted(label) &&
      isNamed(file) &&
      !broken.has(file) &&
      (show !== 'decided' || decisions.has(file)) &&
      (show !== 'suspicious' || doubtsLabel(doubts.get(file)?.kinds)),
  );
  const error = ({ file, label }: { readonly file: string; readonly label: number }) => {
    const value = predictions.get(file)?.value;
    return value === undefined ? -1 : Math.abs(value - label);
  };
  const score = ({ file }: { readonly file: string }) => doubts.get(file)?.score ?? -1;
  // The data is in the order of files, and sorting keeps that among equals.
  if (sort === 'label') found.sort((a, b) => a.label - b.label);
  else if (sort === '-label') found.sort((a, b) => b.label - a.label);
  else if (sort === 'score') found.sort((a, b) => score(b) - score(a));
  else if (sort === 'error') found.sort((a, b) => error(b) - error(a));
  const samples = found.slice(offset, offset + limit).map(
    ({ file, label }): StudioSample => ({
      file,
      label,
      decision: decisions.get(file) ?? null,
      ...predictions.get(file),
      ...doubts.get(file),
    }),
  );
  return { total: found.length, samples, broken: [] };
}
