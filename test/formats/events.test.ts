import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Epoch, formatEvents, parseEvents } from '../../src/formats/events.js';
import { failureOf } from '../datasets/temp.js';

const epoch: Epoch = {
  epoch: 1,
  trainLoss: 3,
  trainMse: 9,
  valMse: null,
  valMae: null,
  learningRate: 0.001,
  seconds: 2.5,
};

describe('events.jsonl', () => {
  it('has a line for each epoch, and reads them back', () => {
    const epochs = [epoch, { ...epoch, epoch: 2, valMse: 8, valMae: 2 }];
    const text = formatEvents(epochs);
    assert.equal(text.split('\n').length, 3);
    assert.deepEqual(parseEvents(text, 'model/events.jsonl'), epochs);
    assert.deepEqual(parseEvents(formatEvents([]), 'model/events.jsonl'), []);
  });

  it('names the file if a line is damaged', async () => {
    for (const damaged of ['{', 'null', JSON.stringify({ ...epoch, trainMse: 'nine' })]) {
      assert.match(
        await failureOf(() => parseEvents(`${formatEvents([epoch])}${damaged}\n`, 'model/events.jsonl')),
        /^InputError: model\/events\.jsonl: expected a line for each epoch, got "[^\n]+"; train again, or remove the file$/,
      );
    }
  });
});
