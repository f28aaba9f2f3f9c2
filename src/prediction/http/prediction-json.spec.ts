import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Prediction } from '../../signature/prediction.js';
import { predictionEnd, predictionJson } from './prediction-json.js';

const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const name = fc.string({ unit: 'binary' });
const nullable = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: null });

describe('predictionJson', () => {
  it('is what JSON.stringify makes of a prediction with its version and time', () => {
    const prediction = fc.record<Prediction>({
      prediction: nullable(number),
      probability: nullable(number),
      prediction_class: nullable(name),
    });
    const more = fc.record(
      { probabilities: fc.dictionary(name, number), outputs: fc.dictionary(name, fc.jsonValue()) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(prediction, more, name, (fixed, rest, version) => {
        const whole = {
          ...fixed,
          ...('probabilities' in rest && { probabilities: rest.probabilities }),
          ...('outputs' in rest && { outputs: rest.outputs }),
        };
        const timestamp = '2026-01-01T12:00:00.000Z';
        expect(predictionJson(whole, predictionEnd(version, timestamp))).toBe(
          JSON.stringify({ ...whole, model_version: version, timestamp }),
        );
      }),
      { numRuns: 2000 },
    );
  });
});
