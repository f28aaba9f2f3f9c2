import { join } from 'node:path';
import protobuf from 'protobufjs';
import { WIDTH } from '../setup/wide-models.ts';
import { creditRiskRow } from './credit-risk-rows.ts';
import { ROOT } from './places.ts';
import { type RepeatedRequest, type Served } from './scenario.ts';

const MODEL_INFER_REQUEST = protobuf
  .loadSync(join(ROOT, 'src', 'open-inference', 'grpc', 'inference.proto'))
  .lookupType('inference.ModelInferRequest');

const ROWS = 100;
const JOBS = ['full_time', 'part_time', 'self_employed', 'unemployed'];

/** A tensor of floats, and where it goes. */
interface Tensor {
  model: Served;
  path: string;
  input: string;
  shape: readonly number[];
  data: readonly number[];
}

const CREDIT = { model: 'credit-risk', path: '/v2/models/credit-risk/infer', input: 'features' } as const;
const ONE_ROW: Tensor = { ...CREDIT, shape: [1, 9], data: columns(0) };
const MANY_ROWS: Tensor = {
  ...CREDIT,
  shape: [ROWS, 9],
  data: Array.from({ length: ROWS }, (_, row) => columns(row)).flat(),
};

export const PREDICT: RepeatedRequest = {
  name: 'predict',
  model: 'credit-risk',
  path: '/predict',
  body: JSON.stringify(creditRiskRow(0)),
};
export const ROW = inJson('v2-row', ONE_ROW);
export const ROWS_JSON = inJson('v2-rows-json', MANY_ROWS);
export const ROWS_BINARY = inBinary('v2-rows-binary', MANY_ROWS);
export const WIDE_JSON = inJson('v2-wide-json', wide(1, 'wide'));
export const WIDE_BINARY = inBinary('v2-wide-binary', wide(1, 'wide'));
export const WIDE_ROWS_JSON = inJson('v2-wide-rows-json', wide(32, 'wide'));
export const WIDE_ROWS_BINARY = inBinary('v2-wide-rows-binary', wide(32, 'wide'));
/** A tensor of 4 MB, there and back. On a few connections: the machine is to be busy with it, not full of it. */
export const LARGE = { ...inBinary('v2-large', wide(1024, 'same')), connections: 4 };
export const LARGE_ECHO: RepeatedRequest = { ...LARGE, name: 'echo-large', path: '/' };

/** Over gRPC, raw. */
export const GRPC_ROW = overGrpc('grpc-row', ONE_ROW);
export const GRPC_WIDE_ROWS = overGrpc('grpc-wide-rows', wide(32, 'wide'));
export const GRPC_LARGE = { ...overGrpc('grpc-large', wide(1024, 'same')), connections: 4 };

function overGrpc(name: string, { model, path, input, shape, data }: Tensor): RepeatedRequest {
  const bytes = Buffer.from(Float32Array.from(data).buffer);
  const [, , , modelName] = path.split('/');
  const request = {
    modelName,
    inputs: [{ name: input, datatype: 'FP32', shape }],
    rawInputContents: [bytes],
  };
  const body = new Uint8Array(MODEL_INFER_REQUEST.encode(MODEL_INFER_REQUEST.fromObject(request)).finish());
  return { name, model, path: '/inference.GRPCInferenceService/ModelInfer', body, isGrpc: true };
}

function inJson(name: string, { model, path, input, shape, data }: Tensor): RepeatedRequest {
  const inputs = [{ name: input, shape, datatype: 'FP32', data }];
  return { name, model, path, body: JSON.stringify({ inputs }) };
}

/** Tensors as bytes, both ways. */
function inBinary(name: string, { model, path, input, shape, data }: Tensor): RepeatedRequest {
  const bytes = Buffer.from(Float32Array.from(data).buffer);
  const inputs = [{ name: input, shape, datatype: 'FP32', parameters: { binary_data_size: bytes.length } }];
  const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Inference-Header-Content-Length': String(json.length),
  };
  return { name, model, path, body: Buffer.concat([json, bytes]), headers };
}

function wide(rows: number, model: 'wide' | 'same'): Tensor {
  // Seven decimals, about what a float32 holds, and the same ones every time.
  const data = Array.from({ length: rows * WIDTH }, (_, index) => Number(Math.sin(index * 12.9898).toFixed(7)));
  return { model: 'wide', path: `/v2/models/${model}/infer`, input: 'x', shape: [rows, WIDTH], data };
}

/** A row as the model's columns. */
function columns(index: number): number[] {
  const { employment_type: job, debt_to_income: debt, ...numbers } = creditRiskRow(index);
  return [...Object.values(numbers), ...JOBS.map((one) => (one === job ? 1 : 0)), debt].map(Number);
}
