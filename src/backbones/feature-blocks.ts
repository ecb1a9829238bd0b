import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { sha256Hex } from '../base/sha256.js';
import { add, averagePool, concat, reduceMean, reshape, slice, sqrt, square, sub } from '../engine/graph/build.js';
import { copyGraph } from '../engine/graph/copy.js';
import { Graph, type Value } from '../engine/graph/graph.js';
import { type Backbone, type FeatureBlock, identityNormalization, normalize, type Pool, pools } from './backbone.js';
import type { BackboneOutput } from './resnet.js';

/** The name of the features that are a backbone's own. */
export const LAST = 'last';

/** `face.pw9`, `objects.stage3:std`. */
export const blockName = ({ backbone, map, pool }: Pick<FeatureBlock, 'backbone' | 'map' | 'pool'>): string =>
  `${backbone}.${map}${pool === 'mean' ? '' : `:${pool}`}`;

/** The block of this name: the opposite of `blockName`. */
export function blockOfName(name: string): Pick<FeatureBlock, 'backbone' | 'map' | 'pool'> {
  const dot = name.lastIndexOf('.');
  const [map, pool = 'mean'] = name.slice(dot + 1).split(':') as [string, Pool?];
  return { backbone: name.slice(0, dot), map, pool };
}

/** A backbone's own features as a block. */
export const ownBlock = ({ name, width }: Backbone): FeatureBlock => ({
  backbone: name,
  map: LAST,
  pool: 'mean',
  width,
  mapSize: width,
});

/** All blocks of a backbone: its own features first, then its maps, with each pooling. */
export function blocksOf(backbone: Backbone): FeatureBlock[] {
  const { sizePx, name } = backbone;
  const maps = mapsOf(backbone.build(new Graph().input('x', 'float32', ['N', 3, sizePx, sizePx])));
  const pooled = [...maps].flatMap(([map, { shape }]) =>
    pools.map(pool => ({
      backbone: name,
      map,
      pool,
      width: Number(shape[1]) * cellsOf(pool),
      mapSize: shape.slice(1).reduce<number>((product, dim) => product * Number(dim), 1),
    })),
  );
  return [ownBlock(backbone), ...pooled];
}

/**
 * The blocks that `text` names, joined by `+`: `last`, `stage3`, `stage3:std`, with several backbones `objects.stage3`; or `stages`: a backbone's own
 * features, and the mean and standard deviation of all its maps.
 *
 * @throws UsageError for a name that no backbone has.
 */
export function parseBlocks(text: string, backbones: readonly Backbone[]): FeatureBlock[] {
  const all = backbones.flatMap(blocksOf);
  if (text === 'stages') return all.filter(({ pool }) => pool === 'mean' || pool === 'std');
  return text.split('+').map(part => {
    const name = part.trim().replace(/:mean$/, '');
    const named = all.filter(block => blockName(block) === name || blockName(block) === `${block.backbone}.${name}`);
    if (named.length === 1) return named[0]!;
    const known = all.filter(({ pool }) => pool === 'mean').map(blockName);
    const got = named.length > 1 ? `"${name}", which ${named.map(blockName).join(' and ')} share` : `"${name}"`;
    const what = `last, stages, auto, or names such as ${known.join(', ')}, each with :std, :grid2 or :grid3 for another pooling`;
    throw new UsageError(expected(option('features'), what, got));
  });
}

const mapsOf = ({ maps, stages }: BackboneOutput): ReadonlyMap<string, Value> => maps ?? stages;

const cellsOf = (pool: Pool): number => ({ mean: 1, std: 1, grid2: 4, grid3: 9 })[pool];

/** Keeps the root's slope finite where a channel is constant. */
const VARIANCE_FLOOR = 1e-6;

/** The features `[N, width]` of a block. */
function poolBlock(output: BackboneOutput, { map, pool }: Pick<FeatureBlock, 'map' | 'pool'>): Value {
  if (map === LAST) return output.features;
  const x = mapsOf(output).get(map)!;
  if (pool === 'mean') return reduceMean(x, [2, 3]);
  if (pool === 'std') {
    const difference = sub(x, reduceMean(x, [2, 3], true));
    return sqrt(add(reduceMean(square(difference), [2, 3]), VARIANCE_FLOOR));
  }
  return concat(
    regions(x, pool === 'grid2' ? 2 : 3).map(region => reduceMean(region, [2, 3])),
    1,
  );
}

/** `cells` x `cells` regions of x `[N, C, H, W]`, by rows; neighbors share a place where its size is no multiple. Reference: torch.nn.AdaptiveAvgPool2d */
function regions(x: Value, cells: number): Value[] {
  const [height, width] = x.shape.slice(2).map(Number) as [number, number];
  const cut = (value: Value, axis: number, length: number) =>
    Array.from({ length: cells }, (_, cell) =>
      slice(value, axis, Math.floor((cell * length) / cells), Math.ceil(((cell + 1) * length) / cells)),
    );
  return cut(x, 2, height).flatMap(row => cut(row, 3, width));
}

/**
 * A backbone whose features are the `blocks` of `backbones`, one after the other. It contains only the backbones with a block, and of these
 * only what their blocks need. With the own features of a single backbone as the only block it is that backbone.
 *
 * @param backbones Of different names and one input size; the first with a middle stage gives that of the result.
 */
export function combineBlocks(backbones: readonly Backbone[], blocks: readonly FeatureBlock[]): Backbone {
  const used = backbones.filter(({ name }) => blocks.some(({ backbone }) => backbone === name));
  const [first, ...others] = used as [Backbone, ...Backbone[]];
  if (others.length === 0 && blocks.length === 1 && blocks[0]!.map === LAST) return first;
  const single = others.length === 0;
  const output = (x: Value, trainable: boolean): BackboneOutput => {
    const outputs = new Map(
      used.map((backbone): [string, BackboneOutput] => {
        const build = (trainable && backbone.buildTrainable) || backbone.build;
        return [backbone.name, single ? build(x) : apart(x, backbone, build)];
      }),
    );
    const features = blocks.map(block => poolBlock(outputs.get(block.backbone)!, block));
    const of = used.find(({ middle }) => middle !== undefined);
    const { stages, maps } = (of && outputs.get(of.name)) ?? { stages: new Map<string, Value>() };
    return { features: features.length === 1 ? features[0]! : concat(features, 1), stages, ...(maps && { maps }) };
  };
  const texts = (key: 'source' | 'license') => [...new Set(used.map(backbone => backbone[key]))].join('; ');
  const { middle } = used.find(backbone => backbone.middle !== undefined) ?? {};
  const identity = JSON.stringify([used.map(({ name, sha256 }) => [name, sha256]), blocks.map(blockName)]);
  return {
    name: used.map(({ name }) => name).join('+'),
    source: texts('source'),
    license: texts('license'),
    sha256: sha256Hex(identity),
    sizePx: first.sizePx,
    resize: first.resize,
    normalization: single ? first.normalization : identityNormalization,
    width: blocks.reduce((sum, { width }) => sum + width, 0),
    ...(middle && { middle }),
    ...(first.device && { device: first.device }),
    build: x => output(x, false),
    ...(used.some(backbone => backbone.buildTrainable) && { buildTrainable: (x: Value) => output(x, true) }),
    blocks,
    parts: used,
  };
}

/** The outputs of a backbone on pixels x in 0..255; its weights get other names where they are taken. */
function apart(x: Value, { normalization, sizePx }: Backbone, build: Backbone['build']): BackboneOutput {
  const graph = new Graph();
  const pixels = graph.input('x', 'float32', [x.shape[0] as number | 'N', 3, sizePx, sizePx]);
  const { features, stages, maps = stages } = build(normalize(pixels, normalization));
  const names = [...stages.keys(), ...maps.keys()];
  const copies = copyGraph([features, ...stages.values(), ...maps.values()], x.graph, new Map([['x', x]]));
  const copied = new Map(names.map((name, i) => [name, copies[i + 1]!]));
  const pick = (of: ReadonlyMap<string, Value>) => new Map([...of.keys()].map(name => [name, copied.get(name)!]));
  return { features: copies[0]!, stages: pick(stages), maps: pick(maps) };
}

/** The name of the backbone that is a thumbnail. */
export const THUMBNAIL = 'thumbnail';

/** Width of a thumbnail in pixels; up to 31 where an image's size is no multiple of it. */
const THUMBNAIL_PX = 16;

/** The thumbnail of the image as a backbone without weights: the means of 16 x 16 regions in RGB, `[N, 768]`. */
export function thumbnailBackbone(sizePx: number): Backbone {
  const kernel = Math.max(1, Math.floor(sizePx / THUMBNAIL_PX));
  const cells = Math.floor(sizePx / kernel);
  const width = 3 * cells ** 2;
  return {
    name: THUMBNAIL,
    source: 'the image itself, at 16 x 16 px',
    license: 'none',
    sha256: sha256Hex(THUMBNAIL),
    sizePx,
    normalization: { scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
    width,
    build: x => ({
      features: reshape(averagePool(x, kernel, { stride: kernel }), [0, width]),
      stages: new Map(),
    }),
  };
}
