import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ElementType } from '../support/onnx-writer.js';
import { identityModel } from '../support/onnx.js';
import { ModelFolder } from '../support/model-folder.js';
import { NO_PYTHON, Python } from '../support/python.js';
import { Service } from '../support/service.js';

const python = await Python.find();

const TYPES: Record<string, ElementType> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
};

(python ? describe : describe.skip)(`tritonclient over HTTP${python ? '' : `: ${NO_PYTHON}`}`, () => {
  let folder: ModelFolder;
  let service: Service;
  let results: Record<string, string>;
  beforeAll(async () => {
    folder = await ModelFolder.with({ 'wide/1/model.onnx': identityModel({ name: 'x', shape: ['N', 1024] }) });
    await folder.copyShipped('credit-risk');
    for (const [datatype, type] of Object.entries(TYPES))
      await folder.write(`${datatype}/1/model.onnx`, identityModel({ name: 'x', type, shape: ['N', 3] }));
    service = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'credit-risk' });
    results = (await python?.json('tritonclient_http.py', new URL(service.url).host)) as Record<string, string>;
  }, 180_000);
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  it.each([
    'server_and_model',
    'binary',
    'json_in_and_out',
    'every_datatype',
    'no_rows',
    'nan_and_infinity',
    'compressed',
    'large',
    'asynchronous',
    'errors',
  ])('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('has a test for each of its checks', () => {
    expect(Object.values(results)).toEqual(Array(10).fill('ok'));
  });
});
