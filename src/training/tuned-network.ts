import type { Backbone } from '../backbones/backbone.js';
import { expected, UsageError } from '../base/errors.js';
import { option } from '../base/options.js';
import { batchNormByBatch, foldBatchNorm, type StatisticUpdate } from '../engine/autodiff/batch-norm.js';
import { copyGraph } from '../engine/graph/copy.js';
import { Graph, namesOf, type Value } from '../engine/graph/graph.js';
import { sizeOf } from '../engine/tensor.js';

/** The trained part of a backbone, and the mode of its batch norms. */
export interface TunedPart {
  /**
   * The lowest trained stage, `all` where the stages are unknown; and the stage below it, whose output is its input, undefined for the
   * first stage.
   */
  readonly lowest: string;
  readonly below: string | undefined;
  readonly batchNorm: 'frozen' | 'batch';
}

/** The names of a backbone's stages, lowest first. */
export function stageNames(backbone: Backbone): string[] {
  return [...backbone.build(images(backbone, 1)).stages.keys()];
}

/**
 * The part of `backbone` from stage `lowest` on.
 *
 * @param tune `last` and `all` name the last and the first stage.
 * @throws UsageError where the backbone has no such stage.
 * @throws UnsupportedOpError where the file of a backbone holds an operation without a gradient.
 */
export function tunedPart(backbone: Backbone, tune: string, batchNorm: TunedPart['batchNorm']): TunedPart {
  const names = stageNames(backbone);
  if (names.length === 0 && tune !== 'all') {
    const what = `head or all for ${backbone.name}, whose stages eyeball does not know`;
    throw new UsageError(expected(option('tune'), what, `"${tune}"`));
  }
  const at = tune === 'all' ? 0 : tune === 'last' ? names.length - 1 : names.indexOf(tune);
  if (at < 0) throw new UsageError(expected(option('unfreeze'), names.join(', '), `"${tune}"`));
  // Built before any work in order to report an operation without a gradient early.
  const { nodes } = builtOn(backbone, 1).features.graph;
  if (batchNorm === 'batch') {
    const norms = nodes.flatMap(node => (node.kind === 'op' && node.op === 'BatchNormalization' ? [node] : []));
    const numbers = norms.flatMap(({ inputs }) => inputs.slice(1).map(({ name }) => name));
    const refuse = (why: string) =>
      new UsageError(expected(option('batchNorm'), 'frozen', `batch, but ${why}`, 'leave it out'));
    if (norms.length === 0) throw refuse(`${backbone.name} has no batch norm`);
    // A file may store equal constants once, such as those of an untrained network.
    if (new Set(numbers).size < numbers.length) throw refuse(`batch norms of ${backbone.name} share constants`);
  }
  return { lowest: names[at] ?? tune, below: names[at - 1], batchNorm };
}

/** The output shape of `stage` for one image: `[C, H, W]`. */
export function stageShape(backbone: Backbone, stage: string): number[] {
  return builtOn(backbone, 1).stages.get(stage)!.shape.slice(1).map(Number);
}

/** The size of that output. */
export const stageWidth = (backbone: Backbone, stage: string): number => sizeOf(stageShape(backbone, stage));

/** Normalized images as the input of a new graph. */
const images = ({ sizePx }: Backbone, count: number | 'N'): Value =>
  new Graph().input('x', 'float32', [count, 3, sizePx, sizePx]);

/** The trainable backbone on such images. */
function builtOn(backbone: Backbone, count: number | 'N') {
  const x = images(backbone, count);
  return { x, ...(backbone.buildTrainable?.(x) ?? backbone.build(x)) };
}

/** Features in a graph, and the updates of running batch norm statistics. */
export interface TunedFeatures {
  readonly features: Value;
  readonly updates: readonly StatisticUpdate[];
}

/**
 * Adds the trained part to the graph of `input`: the output of the stage below it, or normalized images where there is none or with
 * `fromImages`, which adds the frozen stages too, without parameters.
 */
export function buildTuned(
  input: Value,
  backbone: Backbone,
  { below, batchNorm }: TunedPart,
  { training, fromImages }: { readonly training: boolean; readonly fromImages: boolean },
): TunedFeatures {
  const { graph } = input;
  const { x, features, stages } = builtOn(backbone, input.shape[0] as number | 'N');
  const cut = below === undefined ? x : stages.get(below)!;
  let start = input;
  if (fromImages && below !== undefined) {
    [start] = copyGraph([cut], graph, new Map([[x.name, input]])) as [Value];
    graph.parameters.clear();
  }
  const updates: StatisticUpdate[] = [];
  const rewrite = batchNorm === 'batch' ? batchNormByBatch(updates) : foldBatchNorm;
  const [out] = copyGraph([features], graph, new Map([[cut.name, start]]), training ? rewrite : undefined);
  return { features: out!, updates };
}

/**
 * For each parameter of the backbone the number of stages above its own: 0 for the last stage and for what follows it. Blocks count as
 * parts of a stage, so with three to a stage: 0, 1/3, 2/3, 1, ...
 */
export function depthOfParameters(backbone: Backbone): ReadonlyMap<string, number> {
  const { features, stages, blocks } = builtOn(backbone, 1);
  const { graph } = features;
  const depths = new Map<string, number>();
  const values = blocks ?? [...stages.values()];
  const each = blocks === undefined ? 1 : (stages.size - 1) / (blocks.length - 1);
  values.forEach((value, at) => {
    for (const name of needsOf(graph, value)) {
      if (graph.parameters.has(name) && !depths.has(name)) depths.set(name, (values.length - 1 - at) * each);
    }
  });
  return depths;
}

function needsOf(graph: Graph, value: Value): ReadonlySet<string> {
  const needed = new Set([value.name]);
  for (const node of graph.nodes.toReversed()) {
    const { inputs, outputs } = namesOf(node);
    if (outputs.some(name => needed.has(name))) for (const name of inputs) needed.add(name);
  }
  return needed;
}
