// How well the intervals of a model hold on labelled images: node dist/bench/intervals.js MODEL DATA
import { join } from 'node:path';
import { readManifest } from '../src/model/model.js';
import { intervalsAt } from '../src/uncertainty/intervals.js';
import { evaluateModel } from '../src/verbs/evaluate-model.js';
import { inTemporaryFolder } from './common.js';

// Of fewer images chance alone moves a share of 90 % by more than four per cent.
const FEWEST = 50;
const [model = 'age', data = '../shared/data/faces/test'] = process.argv.slice(2);
const { intervals } = await readManifest(model);
if (intervals === undefined || intervalsAt(intervals, 0.9) === undefined)
  throw new Error(`${model} has no intervals of 90 %`);
const percent = (share: number | null | undefined) => (share == null ? '-' : `${(100 * share).toFixed(1)} %`);

await inTemporaryFolder(async folder => {
  for (const tta of [false, true]) {
    const result = await evaluateModel({ model, data, out: join(folder, `tta-${tta}`), tta });
    console.log(
      `${result.images} images${tta ? ', with mirror images' : ''}: MAE ${result.mae.toFixed(2)}, ${result.unusual} unusual`,
    );
    for (const level of [90, 80] as const) {
      const coverage = result[`coverage${level}`];
      const width = result[`intervalWidth${level}`];
      const groups = result.byGroup
        .filter(({ images }) => images >= FEWEST)
        .map(group => ({ ...group, share: group[`coverage${level}`]! }));
      const least = groups.toSorted((a, b) => a.share - b.share)[0];
      const worst =
        least && `; least of a group of ${FEWEST}: ${percent(least.share)} of ${least.images} from ${least.from} on`;
      console.log(`  ${level} % asked: ${percent(coverage)} found, ${width?.toFixed(2)} wide${worst ?? ''}`);
    }
    console.log(
      `  by group: ${result.byGroup.map(g => `${g.from}+ ${percent(g.coverage90)} of ${g.images}`).join(', ')}`,
    );
  }
});
