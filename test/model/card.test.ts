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
    assert.match(text, /Backbone tiny, frozen; pretrained weights: a test\. License of the weights: MIT\./);
    assert.match(text, /Head: one linear layer, fitted by ridge regression \(strength 0\.1\)\./);
    assert.match(text, /All settings: tune head, head linear, solver ridge, loss mse, strength 0\.1, seed 0\./);
    assert.doesNotMatch(text, /epoch/);
  });

  it('says loss, epochs and the best epoch of an mlp', () => {
    const text = card(mlp);
    assert.match(text, /Backbone tiny, frozen; pretrained weights: a test\./);
    assert.match(
      text,
      /Head: MLP with one hidden layer\. Loss: cross-entropy with a distribution over bins around each label/,
    );
    assert.match(text, /Epochs: 30; the weights of epoch 12 were kept\./);
    assert.match(text, /The same images chose the epoch: expect a slightly larger error on others\./);
    assert.doesNotMatch(text, /null/);
  });

  it('says from which stage on a backbone was fine-tuned, and its pretrained weights', () => {
    const text = card(tuned);
    assert.match(text, /Backbone tiny, fine-tuned from layer4 on; pretrained weights: a test\./);
    assert.match(text, /Epochs: 10; the weights of epoch 7 were kept\./);
    assert.doesNotMatch(text, /Backbone tiny, frozen;/);
    assert.match(card({ ...tuned, tune: 'all' }), /Backbone tiny, fine-tuned as a whole; pretrained weights: a test\./);
  });

  it('says so if fine-tuning did not reduce the error', () => {
    const text = card({ ...tuned, bestEpoch: 0 });
    assert.match(
      text,
      /Backbone tiny, frozen, since fine-tuning it from layer4 on did not reduce the error; pretrained weights: a test\./,
    );
    assert.match(text, /Epochs: 10; none improved on the initial weights\./);
  });

  it('says so if no error was measured', () => {
    const text = card(mlp, { metrics: { validation: null } });
    assert.match(text, /No images were held out, so the error was not measured\./);
    assert.doesNotMatch(text, /chose the epoch/);
  });
});
