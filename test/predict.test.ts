import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIPPED } from './support/model-folder.js';
import { APPLICANT, WEAK_APPLICANT } from './support/rows.js';
import { Service } from './support/service.js';

describe('predictions of the shipped models', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());

  it('answers /predict with the default model, in the contract’s form', async () => {
    const { status, headers, json } = await service.post('/predict', APPLICANT, { 'X-Request-Id': 'abc-1' });
    expect(status).toBe(200);
    expect(Object.keys(json)).toEqual(['prediction', 'probability', 'prediction_class', 'model_version', 'timestamp']);
    expect(json).toMatchObject({ prediction_class: 'approved', model_version: '1.0.0' });
    expect(json.prediction).toBeCloseTo(0.90987057, 4);
    expect(json.probability).toBe(json.prediction);
    expect(new Date(json.timestamp as string).toISOString()).toBe(json.timestamp);
    expect(headers.get('x-model-name')).toBe('credit-risk');
    expect(headers.get('x-model-version')).toBe('1.0.0');
    expect(headers.get('x-request-id')).toBe('abc-1');
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('etag')).toBeNull();
    expect(headers.get('keep-alive')).toBe('timeout=75'); // longer than a balancer keeps its connections
  });

  it('writes float32 as the shortest decimal that reads back to it', async () => {
    const { text } = await service.post('/predict', APPLICANT);
    const [, digits = ''] = /"prediction":([\d.]+)/.exec(text) ?? [];
    expect(digits.length).toBeLessThanOrEqual('0.12345678'.length);
    expect(Math.fround(Number(digits))).toBeCloseTo(0.90987057, 6);
  });

  it('makes a request id where none, or none that is safe, is sent', async () => {
    for (const sent of [undefined, 'with space', 'x'.repeat(200)]) {
      const { headers } = await service.post('/predict', APPLICANT, sent === undefined ? {} : { 'X-Request-Id': sent });
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it.each(['1.0.0', '2.0.0'])('version %s approves a strong applicant and declines a weak one', async (version) => {
    const headers = { 'X-Model-Version': version };
    expect((await service.post('/predict', APPLICANT, headers)).json).toMatchObject({
      prediction_class: 'approved',
      model_version: version,
    });
    expect((await service.post('/predict', WEAK_APPLICANT, headers)).json).toMatchObject({
      prediction_class: 'declined',
      model_version: version,
    });
  });

  it('takes a missing and a null debt_to_income as its default', async () => {
    const { debt_to_income: _, ...without } = APPLICANT;
    const answers = await Promise.all(
      [without, { ...without, debt_to_income: null }, { ...without, debt_to_income: 0 }].map((row) =>
        service.post('/predict', row),
      ),
    );
    expect(new Set(answers.map(({ json }) => json.prediction as number)).size).toBe(1);
  });

  it('predicts a batch in order, each as alone', async () => {
    const rows = [APPLICANT, WEAK_APPLICANT, { ...APPLICANT, employment_type: 'part_time' }];
    const { status, json } = await service.post('/predict/batch', { requests: rows });
    expect(status).toBe(200);
    expect(json.batch_size).toBe(3);
    expect(json.processing_time).toBeGreaterThan(0);
    for (const [index, row] of rows.entries()) {
      const alone = await service.post('/predict', row);
      expect(json.predictions[index].prediction).toBeCloseTo(alone.json.prediction as number, 6);
      expect(json.predictions[index].prediction_class).toBe(alone.json.prediction_class);
    }
  });

  it('takes as many rows as MAX_BATCH_SIZE, and not one more', async () => {
    const { status } = await service.post('/predict/batch', { requests: Array(100).fill(APPLICANT) });
    expect(status).toBe(200);
    const tooMany = await service.post('/predict/batch', { requests: Array(101).fill(APPLICANT) });
    expect(tooMany.status).toBe(400);
    expect(tooMany.json.errors).toEqual([{ path: '/requests', message: 'must hold at most 100 rows', code: 'length' }]);
  });

  it('names every bad field of every row of a batch', async () => {
    const { status, json } = await service.post('/predict/batch', {
      requests: [APPLICANT, { ...APPLICANT, age: 17 }, 7, { ...APPLICANT, agee: 1, income: 0 }],
    });
    expect(status).toBe(400);
    expect((json.errors as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      '/requests/1/age',
      '/requests/2',
      '/requests/3/agee',
      '/requests/3/income',
    ]);
  });

  it.each([
    ['iris', { sepal_length: 5.1, sepal_width: 3.5, petal_length: 1.4, petal_width: 0.2 }],
    ['diabetes', { age: 59, sex: 2, bmi: 32.1, bp: 101, s1: 157, s2: 93.2, s3: 38, s4: 4, s5: 4.8598, s6: 87 }],
    ['digits', { image: Array.from({ length: 8 }, () => Array(8).fill(8)) }],
  ])('serves %s by its own task', async (model, row) => {
    const { status, json } = await service.post(`/v1/models/${model}/predict`, row);
    expect(status).toBe(200);
    if (model === 'diabetes') {
      expect(json).toMatchObject({ probability: null, prediction_class: null });
      expect(json.prediction).toBeGreaterThan(0);
    } else {
      const probabilities = json.probabilities as Record<string, number>;
      expect(Object.values(probabilities).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
      expect(probabilities[json.prediction_class as string]).toBe(json.probability);
      expect(Object.keys(probabilities).indexOf(json.prediction_class as string)).toBe(
        model === 'digits' ? Number(json.prediction_class) : 0,
      );
    }
  });

  it('gives scikit-learn’s answers for every golden row of every shipped version', async () => {
    for (const path of ['credit-risk/1.0.0', 'credit-risk/2.0.0', 'iris/1.0.0', 'diabetes/1.0.0', 'digits/1.0.0']) {
      const [model, version] = path.split('/') as [string, string];
      const golden = JSON.parse(await readFile(join(SHIPPED, path, 'golden.json'), 'utf8')) as {
        features: object;
        expect: { prediction: number; prediction_class?: string };
        tolerance: number;
      }[];
      const { json } = await service.post(`/v1/models/${model}/versions/${version}/predict/batch`, {
        requests: golden.map(({ features }) => features),
      });
      for (const [index, { expect: wanted, tolerance }] of golden.entries()) {
        expect(Math.abs(json.predictions[index].prediction - wanted.prediction)).toBeLessThanOrEqual(tolerance);
        if (wanted.prediction_class) expect(json.predictions[index].prediction_class).toBe(wanted.prediction_class);
      }
    }
  });

  it('answers 600 concurrent different requests each as it does alone', async () => {
    const types = ['full_time', 'part_time', 'self_employed', 'unemployed'];
    const rows = Array.from({ length: 600 }, (_, i) => ({
      age: 18 + (i % 83),
      income: 1000 + i * 137.5,
      credit_score: 300 + ((i * 7) % 551),
      employment_years: i % 51,
      employment_type: types[i % 4],
      debt_to_income: (i % 100) / 100,
    }));
    const ask = async (row: object, i: number) => {
      const { json } = await service.post('/predict', row, { 'X-Model-Version': i % 2 ? '1.0.0' : '2.0.0' });
      return json;
    };
    const together = await Promise.all(rows.map(ask));
    for (const [i, row] of rows.entries()) {
      const alone = await ask(row, i);
      expect(together[i]?.prediction).toBeCloseTo(alone.prediction as number, 5);
      expect(together[i]?.model_version).toBe(alone.model_version);
    }
  });
});
