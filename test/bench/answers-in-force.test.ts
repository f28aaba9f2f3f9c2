import { beforeEach, describe, expect, it } from '@jest/globals';
import { AnswersInForce } from '../../bench/clients/answers-in-force.ts';

describe('answers in force', () => {
  let truth: AnswersInForce;
  beforeEach(() => {
    truth = new AnswersInForce();
    truth.publish(10, 1);
    truth.publish(11, 1);
    truth.publish(20, 2);
  });

  it('are right as long as nobody has seen a newer one before', () => {
    const before = truth.seen;
    expect(truth.check(11, 1, 1, before)).toBeUndefined();
    expect(truth.check(20, 2, undefined, before)).toBeUndefined();
    // They left before those came back.
    expect([truth.check(10, 1, 1, before), truth.check(10, 1, undefined, before)]).toEqual([undefined, undefined]);
  });

  it('are wrong once a newer one was seen', () => {
    expect(truth.check(11, 1, 1, truth.seen)).toBeUndefined();
    expect(truth.check(10, 1, 1, truth.seen)).toBe('version 1 gave an answer of before');
    expect(truth.check(20, 2, undefined, truth.seen)).toBeUndefined();
    expect(truth.check(11, 1, undefined, truth.seen)).toBe('version 1 answered as the default after version 2 had');
    expect(truth.check(11, 1, 1, truth.seen)).toBeUndefined();
  });

  it('are wrong from the wrong version', () => {
    const { seen } = truth;
    expect(truth.check(20, 1, undefined, seen)).toBe('version 1 gave the answer of version 2');
    expect(truth.check(20, 2, 1, seen)).toBe('version 1 was asked for, and version 2 answered');
    expect(truth.check(99, 1, 1, seen)).toBe('nobody answers 99');
  });
});
