// Slow: computes all gradients of a network of each family, and steps of AdamW.
import { describe, it } from 'node:test';
import { cases } from './cases.js';
import { expectAdamW, expectGradients } from './golden.js';

for (const [name, build] of Object.entries(cases)) {
  describe(`a small ${name}`, () => {
    it('has the gradients of PyTorch', () => expectGradients(name, build));
    it('ends three steps of AdamW where PyTorch does', () => expectAdamW(name, build));
  });
}
