import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SHIPPED } from '../support/model-folder.js';
import { NO_PYTHON, Python } from '../support/python.js';
import { Service } from '../support/service.js';

/** What another release of the runtime, on another number of threads, may make of the same numbers. */
const TOLERANCE = 1e-4;

const python = await Python.find();
const versions = readdirSync(SHIPPED).flatMap((model) =>
  readdirSync(join(SHIPPED, model), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [`${model}/${entry.name}`] : [],
  ),
);

(python ? describe : describe.skip)(`onnxruntime in Python${python ? '' : `: ${NO_PYTHON}`}`, () => {
  let service: Service;
  let differences: Record<string, unknown>;
  beforeAll(async () => {
    service = await Service.start();
    differences = (await python?.json('onnxruntime_answers.py', new URL(service.url).host, SHIPPED)) as object as Record<string, unknown>; // prettier-ignore
  }, 180_000);
  afterAll(() => service.stop());

  it.each(versions)('answers as %s does here', (version) => {
    expect(differences[version]).toEqual(expect.any(Number));
    expect(differences[version]).toBeLessThanOrEqual(TOLERANCE);
  });
});
