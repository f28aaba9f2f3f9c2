import { describe, expect, it } from '@jest/globals';
import { admission, type Candidate } from './admission.js';

const STATES = { loading: [false, false], settled: [true, false], ready: [true, true] } as const;

const worker = (state: keyof typeof STATES, place: Candidate['place']) => {
  const [isSettled, isReady] = STATES[state];
  return { status: { isSettled, isReady, isStuck: false }, place };
};

describe('admission', () => {
  it.each([
    ['the first, while all load', ['loading', 'loading'], ['closed', 'closed'], [0], []],
    [
      'the first that is ready; the one that loads goes on until then',
      ['loading', 'ready'],
      ['open', 'closed'],
      [1],
      [],
    ],
    ['… and while the other is about to begin', ['loading', 'ready'], ['open', 'opening'], [], []],
    ['… and no longer', ['loading', 'ready'], ['open', 'open'], [], [0]],
    ['all that are ready', ['ready', 'ready'], ['open', 'closed'], [1], []],
    ['all, where none is ready', ['settled', 'settled'], ['open', 'closed'], [1], []],
    ['those that are ready, where some are not any more', ['settled', 'ready'], ['open', 'open'], [], [0]],
    ['all again, where the last is not ready any more', ['settled', 'settled'], ['closed', 'open'], [0], []],
    ['nobody, where there is nobody', [], [], [], []],
  ] as const)('%s', (_, states, places, open, close) => {
    const workers = states.map((state, index) => worker(state, places[index] as Candidate['place']));
    expect(admission(workers)).toEqual({
      open: open.map((index) => workers[index]),
      close: close.map((index) => workers[index]),
    });
  });
});
