import { describe, it } from 'node:test';
import { constant, cosine, oneCycle, type Schedule, warmUp } from '../../../src/engine/optim/schedule.js';
import { expectNumbersClose } from '../../close.js';

// The learning rates of PyTorch 1.13, read before each optimizer.step(); lr_scheduler.step() follows it.

/** Rates by step. */
function expectRates(schedule: Schedule, rates: Readonly<Record<number, number>>) {
  const steps = Object.keys(rates).map(Number);
  expectNumbersClose(steps.map(schedule), Object.values(rates), { rtol: 1e-12, atol: 1e-15 });
}

describe('constant', () => {
  it('is the same at every step', () => {
    expectRates(constant(0.1), { 0: 0.1, 1000: 0.1 });
  });
});

describe('cosine', () => {
  it('is CosineAnnealingLR, and stays at its end', () => {
    expectRates(cosine({ learningRate: 0.5, steps: 20, final: 0.01 }), {
      0: 0.5,
      1: 0.49698364344580875,
      7: 0.366227672436189,
      10: 0.255,
      19: 0.013016356554191274,
      20: 0.01,
      29: 0.01,
    });
    expectRates(cosine({ learningRate: 0.5, steps: 20 }), { 0: 0.5, 5: 0.42677669529663687, 20: 0, 21: 0 });
  });
});

describe('oneCycle', () => {
  it('is OneCycleLR, and stays at its end', () => {
    expectRates(oneCycle({ peak: 0.2, steps: 50 }), {
      0: 0.008000000000000007,
      1: 0.010406920430544947,
      10: 0.16385502097843843,
      14: 0.2,
      15: 0.19959743100980634,
      30: 0.11342367288845923,
      48: 0.0004033689901936913,
      49: 8e-7,
      50: 8e-7,
    });
  });

  it('is OneCycleLR with other shares and factors, where the top lies between two steps', () => {
    expectRates(oneCycle({ peak: 0.2, steps: 7, warmShare: 0.25, startFactor: 10, finalFactor: 100 }), {
      0: 0.02,
      1: 0.19888419953989034,
      2: 0.17333188199579966,
      3: 0.12232984130223581,
      4: 0.06360243166579714,
      5: 0.01755874644583213,
      6: 0.0002,
    });
  });

  it('is finite for trainings of a step or two, and without a rise', () => {
    expectRates(oneCycle({ peak: 1, steps: 1, startFactor: 10, finalFactor: 10 }), { 0: 0.01 });
    expectRates(oneCycle({ peak: 1, steps: 2, warmShare: 0.5, startFactor: 10, finalFactor: 10 }), { 0: 1, 1: 0.01 });
    expectRates(oneCycle({ peak: 1, steps: 3, warmShare: 0, startFactor: 10, finalFactor: 10 }), { 2: 0.01 });
  });
});

describe('warmUp', () => {
  it('is LinearLR from 1 / steps', () => {
    expectRates(warmUp(constant(0.5), 4), { 0: 0.125, 1: 0.25, 2: 0.375, 3: 0.5, 4: 0.5, 5: 0.5 });
    expectRates(warmUp(constant(0.5), 1), { 0: 0.5 });
  });

  it('multiplies another schedule, as ChainedScheduler does', () => {
    expectRates(warmUp(cosine({ learningRate: 0.5, steps: 10 }), 4), {
      0: 0.125,
      1: 0.2438820645368942,
      2: 0.33919068644530265,
      3: 0.3969463130731183,
      4: 0.32725424859373686,
      7: 0.10305368692688174,
    });
  });
});
