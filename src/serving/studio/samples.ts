import type { z } from 'zod';
import type { Sample } from '../../datasets/dataset.js';
import type { Decision } from '../../datasets/decisions.js';
import type { SamplesAnswer, StudioSample, samplesQuery } from '../../formats/studio-protocol.js';
import { byName, type Workplace } from './workplace.js';

/** What was found out about images of the data, by file. */
export interface SampleFacts {
  readonly decisions: ReadonlyMap<string, Decision>;
  readonly predictions: ReadonlyMap<string, Pick<StudioSample, 'value' | 'low' | 'high'>>;
  readonly doubts: ReadonlyMap<string, Pick<StudioSample, 'suggested' | 'score' | 'kinds'>>;
}

/** Kinds of issues that doubt a label. */
export const doubtsLabel = (kinds: readonly string[] | undefined): boolean =>
  kinds?.some(kind => kind === 'label' || kind === 'conflict') === true;

type Query = z.infer<typeof samplesQuery>;

/** One page of the data's images, or of its broken files. */
export function answerSamples(
  { ordered, broken }: Pick<Workplace, 'ordered' | 'broken'>,
  facts: SampleFacts,
  query: Query,
): SamplesAnswer {
  const { show, offset, limit } = query;
  const { decisions, predictions, doubts } = facts;
  const known = { errors: predictions.size > 0, doubts: doubts.size > 0 };
  if (show === 'broken') {
    const isNamed = nameFilter(query);
    const files = [...broken].filter(([file]) => isNamed(file)).sort(([a], [b]) => byName.compare(a, b));
    const page = files.slice(offset, offset + limit).map(([file, reason]) => ({ file, reason }));
    return { total: files.length, known, samples: [], broken: page };
  }
  const found = wanted(ordered, broken, facts, query);
  const samples = found.slice(offset, offset + limit).map(
    ({ file, label }): StudioSample => ({
      file,
      label,
      decision: decisions.get(file) ?? null,
      ...predictions.get(file),
      ...doubts.get(file),
    }),
  );
  return { total: found.length, known, ...placeIn(found, query), samples, broken: [] };
}

function nameFilter({ search = '' }: Query): (file: string) => boolean {
  const part = search.toLowerCase();
  return file => file.toLowerCase().includes(part);
}

/** The samples that a query asks for, in its order. */
function wanted(
  ordered: readonly Sample[],
  broken: ReadonlyMap<string, string>,
  { decisions, predictions, doubts }: SampleFacts,
  query: Query,
): Sample[] {
  const { from = -Infinity, to = Infinity, show, sort } = query;
  const isNamed = nameFilter(query);
  const isWanted = (label: number) => label >= from && (label < to || (from === to && label === to));
  const found = ordered.filter(
    ({ file, label }) =>
      isWanted(label) &&
      isNamed(file) &&
      !broken.has(file) &&
      (show !== 'decided' || decisions.has(file)) &&
      (show !== 'suspicious' || doubtsLabel(doubts.get(file)?.kinds)),
  );
  const error = ({ file, label }: Sample) => {
    const value = predictions.get(file)?.value;
    return value === undefined ? -1 : Math.abs(value - label);
  };
  const score = ({ file }: Sample) => doubts.get(file)?.score ?? -1;
  // Sorting keeps the order of files among equals.
  if (sort === 'label') found.sort((a, b) => a.label - b.label);
  else if (sort === '-label') found.sort((a, b) => b.label - a.label);
  else if (sort === 'score') found.sort((a, b) => score(b) - score(a));
  else if (sort === 'error') found.sort((a, b) => error(b) - error(a));
  return found;
}

function placeIn(found: readonly Sample[], { file, value, sort }: Query): Pick<SamplesAnswer, 'place'> {
  const at = (is: (sample: Sample) => boolean) => {
    const place = found.findIndex(is);
    return { place: place < 0 ? null : place };
  };
  if (file !== undefined) return at(sample => sample.file === file);
  if (value === undefined) return {};
  return at(({ label }) => (sort === '-label' ? label <= value : label >= value));
}
