import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Manifest } from '../../src/formats/manifest.js';
import { modelCard } from '../../src/model/card.js';
import { sampleManifest } from './sample-model.js';

/** The card of a model that was trained so, its lines joined. */
function card(configuration: Manifest['configuration'], changes: Partial<Manifest> = {}): string {
  return modelCard({ ...sampleManifest('a'.repeat(64)), configuration, ...changes }).replace(/\s*\n\s*/g, ' ');
}

const recipe = { epochs: 10, learningRate: 0.001, batch: 25, optimizer: 'adamw', clip: null };
const mlp = { tune: 'head', head: 'mlp', solver: 'adam', loss: 'distribution', ...recipe, epochs: 30, bestEpoch: 12 };
const tuned = { tune: 'layer4', head: 'mlp', loss: 'distribution', bn: 'frozen', ...recipe, bestEpoch: 7 };

describe('the model card', () => {
  it('says of ridge that the backbone is frozen and the head exact', () => {
    const text = card({ tune: 'head', head: 'linear', solver: 'ridge', loss: 'mse', strength: 0.1, seed: 0 });
    assert.match(text, /Backbone tiny, frozen: a test\. Licence of its weights: MIT\./);
    assert.match(text, /Head: one linear layer, the exact optimum of the squared error \(ridge, strength 0\.1\)\./);
    assert.match(text, /All settings: tune head, head linear, solver ridge, loss mse, strength 0\.1, seed 0\./);
    assert.doesNotMatch(text, /epoch/);
  });

  it('says the same of models of older versions, which name neither head nor stage', () => {
    const text = card({ solver: 'ridge', strength: 0.1, seed: 0 });
    assert.match(text, /frozen: a test\./);
    assert.match(text, /Head: one linear layer, the exact optimum/);
    const adam = card({ solver: 'adam', epochs: 5, learningRate: 0.001, batch: 25 });
    assert.match(adam, /Head: one linear layer\. Loss: squared error\. Epochs: 5\./);
  });

  it('says loss, epochs and the best epoch of an mlp', () => {
    const text = card(mlp);
    assert.match(text, /Backbone tiny, frozen: a test\./);
    assert.match(text, /Head: two layers\. Loss: cross-entropy with a distribution around each label/);
    assert.match(text, /Epochs: 30; the weights are those of epoch 12\./);
    assert.match(text, /Those images chose the epoch too: expect a little more on others\./);
    assert.doesNotMatch(text, /null/);
  });

  it('says from which stage on a tuned backbone was trained, and what it started as', () => {
    const text = card(tuned);
    assert.match(text, /Backbone tiny, trained from layer4 on, where it started as: a test\./);
    assert.match(text, /Epochs: 10; the weights are those of epoch 7\./);
    assert.doesNotMatch(text, /Backbone tiny, frozen/);
    assert.match(card({ ...tuned, tune: 'all' }), /Backbone tiny, trained as a whole, where it started as: a test\./);
  });

  it('says so where tuning made nothing better', () => {
    const text = card({ ...tuned, bestEpoch: 0 });
    assert.match(text, /Backbone tiny, as it was, for training it from layer4 on made nothing better: a test\./);
    assert.match(text, /Epochs: 10; none was better than the start\./);
  });

  it('claims nothing of an error that was not measured', () => {
    const text = card(mlp, { metrics: { validation: null } });
    assert.match(text, /No images were held out, so nothing is known of its error\./);
    assert.doesNotMatch(text, /chose the epoch/);
  });
});
