import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tellsVnni } from '../../../src/engine/runtime/vnni.js';

it('VNNI is recognized by the flags of the processor only', () => {
  assert.equal(tellsVnni('model name\t: x\nflags\t\t: fpu avx2 avx512_vnni sse\n'), true);
  assert.equal(tellsVnni('flags\t\t: fpu avx2 avx_vnni\n'), true);
  assert.equal(tellsVnni('flags\t\t: fpu avx2 avx512f avx512_vnnix\n'), false);
  assert.equal(tellsVnni('model name\t: avx512_vnni\nflags\t\t: fpu\n'), false);
  assert.equal(tellsVnni(''), false);
});
