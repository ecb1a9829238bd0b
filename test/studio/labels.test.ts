import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { build } from 'esbuild';

// The module is bundled as the pages are.
const { outputFiles } = await build({
  entryPoints: ['studio/base/labels.ts'],
  bundle: true,
  write: false,
  format: 'esm',
});
const { withLabels, LABELS } = (await import(
  `data:text/javascript,${encodeURIComponent(outputFiles[0]!.text)}`
)) as typeof import('../../studio/base/labels.js');

describe('an option in a message of the service', () => {
  it('is shown as the label of the form', () => {
    assert.equal(
      withLabels('`learningRate`: no effect with `head: linear`; remove it, or set `force`'),
      '"Learning rate": no effect with "Head: Linear"; remove it, or set "Move the existing model aside"',
    );
    assert.equal(withLabels('`epochs: 3`, `resume: true`'), '"Epochs: 3", "Resume"');
  });

  it('without a label is shown as words', () => {
    assert.equal(withLabels('`weightDecay: 0.1` and `solver: ridge`'), '"weight decay: 0.1" and "solver: ridge"');
  });

  it('is the only text that changes', () => {
    const text = 'name: the model "age" exists; `Path/With` is not an option, nor is ` this`';
    assert.equal(withLabels(text), text);
    assert.ok(Object.values(LABELS).every(label => withLabels(label) === label));
  });
});
