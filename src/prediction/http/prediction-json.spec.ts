import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Prediction } from '../../signature/prediction.js';
import { predictionEnd, predictionJson, predictionsJson } from './prediction-json.js';

const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const name = fc.string({ unit: 'binary' });
const nullable = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: null });

const timestamp = '2026-01-01T12:00:00.000Z';

const prediction = fc
  .tuple(
    fc.record<Prediction>({
      prediction: nullable(number),
      probability: nullable(number),
      prediction_class: nullable(fc.oneof(fc.constantFrom('yes', 'né'), name)),
    }),
    fc.record(
      { probabilities: fc.dictionary(name, number), outputs: fc.dictionary(name, fc.jsonValue()) },
      { requiredKeys: [] },
    ),
  )
  .map(([fixed, rest]): Prediction => ({
    ...fixed,
    ...('probabilities' in rest && { probabilities: rest.probabilities }),
    ...('outputs' in rest && { outputs: rest.outputs }),
  }));

describe('predictionJson', () => {
  it('is what JSON.stringify makes of a prediction with its version and time', () => {
    fc.assert(
      fc.property(prediction, name, (whole, version) => {
        expect(predictionJson(whole, predictionEnd(version, timestamp))).toBe(
          JSON.stringify({ ...whole, model_version: version, timestamp }),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe('predictionsJson', () => {
  it('is each of them with commas between, and knows its length in bytes', () => {
    fc.assert(
      fc.property(fc.array(prediction, { minLength: 1, maxLength: 20 }), name, (predictions, version) => {
        const wholes = predictions.map((whole) => ({ ...whole, model_version: version, timestamp }));
        const { text, bytes } = predictionsJson(predictions, predictionEnd(version, timestamp));
        expect(`[${text}]`).toBe(JSON.stringify(wholes));
        expect(bytes).toBe(Buffer.byteLength(text));
      }),
      { numRuns: 1000 },
    );
  });
});
