import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ElementType } from '../support/onnx-writer.js';
import { identityModel } from '../support/onnx.js';
import { ModelFolder } from '../support/model-folder.js';
import { NO_PYTHON, Python } from '../support/python.js';
import { Service } from '../support/service.js';
import { COUNTDOWN } from '../support/slow-models.js';

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

const OVER_HTTP = [
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
];
const OVER_GRPC = [
  'server_and_model',
  'infer',
  'outputs_in_order',
  'every_datatype',
  'nan_and_infinity',
  'compressed',
  'large',
  'asynchronous',
  'deadlines',
  'cancellation',
  'errors',
  'repository',
  'statistics',
];

(python ? describe : describe.skip).each([
  ['HTTP', 'tritonclient_http.py', OVER_HTTP, (service: Service) => Promise.resolve(new URL(service.url).host)],
  ['gRPC', 'tritonclient_grpc.py', OVER_GRPC, (service: Service) => service.openGrpc()],
])(`tritonclient over %s${python ? '' : `: ${NO_PYTHON}`}`, (_, script, checks, address) => {
  let folder: ModelFolder;
  let service: Service;
  let results: Record<string, string>;
  beforeAll(async () => {
    folder = await ModelFolder.with({
      'wide/1/model.onnx': identityModel({ name: 'x', shape: ['N', 1024] }),
      'slow/1/model.onnx': COUNTDOWN,
    });
    await folder.copyShipped('credit-risk');
    for (const [datatype, type] of Object.entries(TYPES))
      await folder.write(`${datatype}/1/model.onnx`, identityModel({ name: 'x', type, shape: ['N', 3] }));
    service = await Service.start({ MODELS_DIR: folder.path, DEFAULT_MODEL: 'credit-risk' });
    results = (await python?.json(script, await address(service))) as Record<string, string>;
  }, 180_000);
  afterAll(async () => {
    await service.stop();
    await folder.remove();
  });

  it.each(checks)('%s', (name) => {
    expect(results[name]).toBe('ok');
  });

  it('has a test for each of its checks', () => {
    expect(Object.keys(results)).toEqual(checks);
  });
});
