import { describe, it } from 'node:test';
import { cases } from './cases.js';
import { expectForward } from './golden.js';

for (const [name, build] of Object.entries(cases)) {
  describe(`a small ${name}`, () => {
    it('computes features and stages as timm does', () => expectForward(name, build));
  });
}
