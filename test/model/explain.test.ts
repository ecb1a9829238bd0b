import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Tensor } from '../../src/engine/tensor.js';
import { type ExplainedModel, explain } from '../../src/model/explain.js';

const PX = 64;

/** A model whose number is the mean of red in the square of `edge` px at `left` and `top`, by `sign`. */
const seesSquare = (left: number, top: number, edge: number, sign = 1): ExplainedModel => ({
  sizePx: PX,
  async values({ shape, data }: Tensor<'uint8'>) {
    return Array.from({ length: shape[0]! }, (_, n) => {
      let sum = 0;
      for (let y = top; y < top + edge; y++) {
        for (let x = left; x < left + edge; x++) sum += data[3 * ((n * PX + y) * PX + x)]!;
      }
      return (sign * sum) / edge ** 2;
    });
  },
});

/** Dark, with a bright stripe of 2 px in each 16: blurring darkens the stripes. */
const stripes = Uint8Array.from({ length: PX * PX * 3 }, (_, i) => (Math.floor(i / 3) % 16 < 2 ? 240 : 20));

describe('explain', () => {
  it('finds the part that a model uses, and its sign, by occlusion', async () => {
    for (const sign of [1, -1]) {
      // The edge of a stripe: columns 48 to 51 and rows 14 to 17, in the blocks of column 6 and rows 1 and 2.
      const { value, baseline, method, blocks, faithfulness } = await explain(stripes, seesSquare(48, 14, 4, sign), 0);
      assert.equal(method, 'occlusion');
      assert.deepEqual(blocks.shape, [8, 8]);
      const strongest = blocks.data.indexOf(sign > 0 ? Math.max(...blocks.data) : Math.min(...blocks.data));
      assert.ok([1, 2].includes(Math.floor(strongest / 8)) && strongest % 8 === 6, `block ${strongest}`);
      assert.equal(Math.sign(value - baseline), sign);
      assert.ok(faithfulness.ratio! > 2 && faithfulness.beats > 0.8, JSON.stringify(faithfulness));
    }
  });

  it('has no faithfulness for a model that ignores the image', async () => {
    const constant: ExplainedModel = { sizePx: PX, values: async ({ shape }) => new Float32Array(shape[0]!).fill(40) };
    const { value, blocks, faithfulness } = await explain(stripes, constant, 0);
    assert.equal(value, 40);
    assert.ok(blocks.data.every(each => each === 0));
    assert.deepEqual(faithfulness, { ratio: null, beats: 0 });
  });

  it('passes the image, the blurred image and pairs of versions with complementary blur', async () => {
    let seen: Tensor<'uint8'> | undefined;
    const model: ExplainedModel = {
      ...seesSquare(0, 0, PX),
      attribution: {
        method: 'gradient',
        partlyBlurred: 4,
        async map(pixels) {
          seen = pixels;
          return { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 0, 0, -1) };
        },
      },
    };
    const { method, blocks } = await explain(stripes, model, 0);
    assert.equal(method, 'gradient');
    assert.ok(blocks.data[0]! > 0.5 && blocks.data[63]! < -0.5);
    assert.ok(Math.abs(blocks.data[7]!) < 0.3);
    assert.deepEqual(seen?.shape, [6, PX, PX, 3]);
    const each = PX * PX * 3;
    const [image, blurred, ...parts] = Array.from({ length: 6 }, (_, n) =>
      seen!.data.subarray(n * each, (n + 1) * each),
    );
    assert.deepEqual(image, stripes);
    for (const [one, other] of [parts.slice(0, 2), parts.slice(2)] as [Uint8Array, Uint8Array][]) {
      assert.ok(one.every((byte, i) => byte + other[i]! === image![i]! + blurred![i]!));
      assert.notDeepEqual(one, image);
      assert.notDeepEqual(one, blurred);
    }
  });

  it('is the same for the same seed, and different for another', async () => {
    const model = seesSquare(20, 20, 30);
    const [first, again, other] = [
      await explain(stripes, model, 1),
      await explain(stripes, model, 1),
      await explain(stripes, model, 2),
    ];
    assert.deepEqual(again, first);
    assert.deepEqual(other!.blocks, first!.blocks);
    assert.notDeepEqual(other!.faithfulness, first!.faithfulness);
  });
});
