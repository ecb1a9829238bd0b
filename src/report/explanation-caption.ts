import { significant } from '../base/text.js';
import { DRAWS } from '../model/deletion.js';
import type { ExplainMethod, Explanation } from '../model/explain.js';
import { unitSuffix } from './format.js';

const methods: Readonly<Record<ExplainMethod, string>> = {
  cam: 'Class activation map',
  gradient: 'Gradient times activation',
  occlusion: 'Occlusion',
};

/** The caption of an explanation: the prediction, the method and the result of the deletion test. */
export function explanationCaption(
  explanation: Pick<Explanation, 'value' | 'unclamped' | 'baseline' | 'method' | 'faithfulness'>,
  { target }: { readonly target: { readonly name: string; readonly unit: string | null } },
): { readonly title: string; readonly note: string } {
  const { value, unclamped, baseline, method, faithfulness } = explanation;
  const { ratio, beats } = faithfulness;
  const show = (number: number) => `${significant(number, 4)}${unitSuffix(target.unit ?? undefined)}`;
  const test =
    ratio === null
      ? 'Faithfulness unknown: blurring a random tenth of the image does not change the prediction.'
      : `Faithfulness: blurring the most strongly marked tenth of the image changes the prediction ${ratio.toFixed(1)} times as much as blurring a random tenth, and ` +
        `more than ${Math.round(beats * DRAWS)} of ${DRAWS} random draws.`;
  const before = unclamped === undefined ? '' : ` Before clamping the prediction is ${show(unclamped)}.`;
  return {
    title: `${target.name} ${show(value)}`,
    note: `${methods[method]}, compared with the blurred image (${show(baseline)}).${before} ${test}`,
  };
}
