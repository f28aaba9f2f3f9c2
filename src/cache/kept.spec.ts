import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Prediction } from '../signature/prediction.js';
import { fromText, toText } from './kept.js';

const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
const HOUR = 3_600_000;

const kept = (prediction: unknown) => {
  const madeAt = performance.now();
  return { prediction: prediction as Prediction, madeAt, expiresAt: madeAt + HOUR };
};
const through = (prediction: unknown) => fromText(toText(kept(prediction)), HOUR)?.prediction;

describe('what other processes are told of a prediction', () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '10', '9'));
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map((value) => rawJSON(String(value)));
  const leaf = fc.oneof(number, long, fc.boolean(), name, fc.integer());
  const nested = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie('value'), { maxLength: 4 })),
  })).value;

  it('comes back as the same answer, to the last digit', () => {
    const prediction = fc.record(
      {
        prediction: fc.oneof(number, long, fc.constant(null)),
        probability: fc.option(number),
        prediction_class: fc.option(name),
        probabilities: fc.dictionary(name, number),
        outputs: fc.dictionary(name, nested),
      },
      { requiredKeys: ['prediction', 'probability', 'prediction_class'] },
    );
    fc.assert(
      fc.property(prediction, (one) => {
        expect(JSON.stringify(through(one))).toBe(JSON.stringify(one));
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps 64-bit integers that no double holds', () => {
    const text = '{"prediction":9223372036854775807,"probability":null,"prediction_class":null,"outputs":{"y":[18446744073709551615,1]}}'; // prettier-ignore
    const made = fromText(`{"made_at":${String(Date.now())},"prediction":${text}}`, HOUR);
    expect(JSON.stringify(made?.prediction)).toBe(text);
  });

  it('tells its age, by whatever clock', () => {
    const text = JSON.stringify({ made_at: Date.now() - 5000, prediction: kept(null).prediction });
    expect(fromText(text, HOUR)).toBeUndefined(); // no prediction
    const at = (ms: number) => toText({ ...kept({ prediction: 1, probability: null, prediction_class: null }), madeAt: performance.now() - ms }); // prettier-ignore
    const old = fromText(at(5000), HOUR);
    expect(performance.now() - (old?.madeAt ?? 0)).toBeGreaterThan(4900);
    // From a process whose clock is ahead of ours.
    const ahead = fromText(at(-60_000), HOUR);
    expect(ahead?.madeAt).toBeLessThanOrEqual(performance.now());
  });

  it.each([
    '',
    'null',
    '[]',
    '{}',
    'not json',
    '{"made_at":1,"prediction":null}',
    '{"made_at":1,"prediction":[]}',
    '{"made_at":1,"prediction":{}}',
    '{"made_at":"1","prediction":{"prediction":1,"probability":null,"prediction_class":null}}',
    '{"made_at":1e999,"prediction":{"prediction":1,"probability":null,"prediction_class":null}}',
    '{"prediction":{"prediction":1,"probability":null,"prediction_class":null}}',
    '{"made_at":1,"prediction":{"prediction":1e999,"probability":null,"prediction_class":null}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":-1e999,"prediction_class":null}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":1,"prediction_class":null,"probabilities":{"a":1e999}}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":1,"prediction_class":null,"outputs":{"y":[[1e999]]}}}',
    '{"made_at":1,"prediction":{"prediction":"1","probability":null,"prediction_class":null}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":"1","prediction_class":null}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":null,"prediction_class":{}}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":null}}',
    '{"made_at":1,"prediction":{"prediction":{},"probability":null,"prediction_class":null}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":null,"prediction_class":null,"model_version":"9"}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":null,"prediction_class":null,"probabilities":{"a":"1"}}}',
    '{"made_at":1,"prediction":{"prediction":1,"probability":null,"prediction_class":null,"outputs":[1]}}',
    '{"made_at":1,"prediction":{"__proto__":{"prediction":1},"probability":null,"prediction_class":null}}',
    `{"made_at":1,"prediction":{"prediction":1,"probability":null,"prediction_class":null,"outputs":{"y":${'['.repeat(5000)}${']'.repeat(5000)}}}}`,
    `{"made_at":1,"prediction":{"prediction":1,"probability":null,"prediction_class":null,"outputs":{"y":${'['.repeat(5000)}1234567890123456789${']'.repeat(5000)}}}}`,
  ])('damaged text %# is none', (text) => {
    expect(fromText(text, HOUR)).toBeUndefined();
  });

  it('any damage to a text leaves it unread, or a prediction', () => {
    const text = toText(kept({ prediction: 1, probability: 0.5, prediction_class: 'a', probabilities: { a: 0.5 } }));
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(3), fc.string({ maxLength: 3 }), (at, gone, more) => {
        const found = fromText(text.slice(0, at) + more + text.slice(at + gone), HOUR);
        if (found) expect(['number', 'object']).toContain(typeof found.prediction.prediction);
      }),
      { numRuns: 2000 },
    );
  });
});
