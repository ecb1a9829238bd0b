import type { z } from 'zod';
import type { Sample } from '../../datasets/dataset.js';
import type { Decision } from '../../datasets/decisions.js';
import type { SamplesAnswer, StudioSample, samplesQuery } from '../../formats/studio-protocol.js';

/** What is known of the images of the data, by file. */
export interface SampleFacts {
  readonly decisions: ReadonlyMap<string, Decision>;
  readonly predictions: ReadonlyMap<string, Pick<StudioSample, 'value' | 'low' | 'high'>>;
  readonly issues: ReadonlyMap<string, Pick<StudioSample, 'suggested' | 'score' | 'kinds'>>;
}

/** Whether one of the kinds of an issue is about the label. */
export const isLabelIssue = (kinds: readonly string[] | undefined): boolean =>
  kinds?.some(kind => kind === 'label' || kind === 'conflict') === true;

const byName = new Intl.Collator('en', { numeric: true });

/** The samples in natural order of their files: `50/a.jpg` before `110/a.jpg`, `img9.jpg` before `img10.jpg`. */
export const inNaturalOrder = (samples: readonly Sample[]): Sample[] =>
  samples.toSorted((a, b) => byName.compare(a.file, b.file));

type Query = z.infer<typeof samplesQuery>;

/** One page of the data's images, or of its broken files. */
export function answerSamples(
  { ordered, broken }: { readonly ordered: readonly Sample[]; readonly broken: ReadonlyMap<string, string> },
  facts: SampleFacts,
  query: Query,
): SamplesAnswer {
  const { show, offset, limit } = query;
  const { decisions, predictions, issues } = facts;
  const known = { errors: predictions.size > 0, doubts: issues.size > 0 };
  if (show === 'broken') {
    const isNamed = nameFilter(query);
    const files = [...broken].filter(([file]) => isNamed(file)).sort(([a], [b]) => byName.compare(a, b));
    const page = files.slice(offset, offset + limit).map(([file, reason]) => ({ file, reason }));
    return { total: files.length, known, samples: [], broken: page };
  }
  const found = matching(ordered, broken, facts, query);
  const samples = found.slice(offset, offset + limit).map(
    ({ file, label }): StudioSample => ({
      file,
      label,
      decision: decisions.get(file) ?? null,
      ...predictions.get(file),
      ...issues.get(file),
    }),
  );
  return { total: found.length, known, ...placeIn(found, query), samples, broken: [] };
}

function nameFilter({ search = '' }: Query): (file: string) => boolean {
  const part = search.toLowerCase();
  return file => file.toLowerCase().includes(part);
}

/** The samples that match a query, in its order. */
function matching(
  ordered: readonly Sample[],
  broken: ReadonlyMap<string, string>,
  { decisions, predictions, issues }: SampleFacts,
  query: Query,
): Sample[] {
  const { from = -Infinity, to = Infinity, show, sort } = query;
  const isNamed = nameFilter(query);
  const isInRange = (label: number) => label >= from && (label < to || (from === to && label === to));
  const found = ordered.filter(
    ({ file, label }) =>
      isInRange(label) &&
      isNamed(file) &&
      !broken.has(file) &&
      (show !== 'decided' || decisions.has(file)) &&
      (show !== 'suspicious' || isLabelIssue(issues.get(file)?.kinds)),
  );
  const error = ({ file, label }: Sample) => {
    const value = predictions.get(file)?.value;
    return value === undefined ? -1 : Math.abs(value - label);
  };
  const score = ({ file }: Sample) => issues.get(file)?.score ?? -1;
  // The sort is stable: equal samples stay in the order of files.
  if (sort === 'label') found.sort((a, b) => a.label - b.label);
  else if (sort === '-label') found.sort((a, b) => b.label - a.label);
  else if (sort === 'score') found.sort((a, b) => score(b) - score(a));
  else if (sort === 'error') found.sort((a, b) => error(b) - error(a));
  return found;
}

function placeIn(found: readonly Sample[], { file, value, sort }: Query): Pick<SamplesAnswer, 'place'> {
  const at = (matches: (sample: Sample) => boolean) => {
    const place = found.findIndex(matches);
    return { place: place < 0 ? null : place };
  };
  if (file !== undefined) return at(sample => sample.file === file);
  if (value === undefined) return {};
  return at(({ label }) => (sort === '-label' ? label <= value : label >= value));
}
