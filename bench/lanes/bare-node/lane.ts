import { join } from 'node:path';
import { MODELS } from '../../harness/places.ts';
import { type Served } from '../../harness/scenario.ts';
import { MLP_FILE } from '../../setup/models.ts';
import { type Lane } from '../lane.ts';

const SERVER = join(import.meta.dirname, 'server.ts');
const FILES = {
  'credit-risk': join(MODELS, 'credit-risk', '1.0.0', 'model.onnx'),
  mlp: MLP_FILE,
} as const satisfies Partial<Record<Served, string>>;

export const BARE_NODE = lane('bare-node', 'together', 'node:http by hand, one run per event-loop turn; logs nothing');
export const BARE_ECHO: Lane = {
  name: 'bare-echo',
  about: 'node:http by hand: it reads a body and sends it back',
  models: ['wide'],
  prepare: () => Promise.resolve(),
  command: (_model, port) => ({
    file: process.execPath,
    args: [join(import.meta.dirname, 'echo.ts')],
    env: { NODE_ENV: 'production', PORT: String(port) },
  }),
};
export const BARE_GRPC_ECHO: Lane = {
  name: 'bare-grpc-echo',
  about: '@grpc/grpc-js by hand: it reads a message and sends it back',
  models: ['wide'],
  prepare: () => Promise.resolve(),
  command: (_model, _port, grpcPort) => ({
    file: process.execPath,
    args: [join(import.meta.dirname, 'grpc-echo.ts')],
    env: { NODE_ENV: 'production', PORT: String(grpcPort) },
  }),
};
export const BARE_NODE_ALONE = lane('bare-node-alone', 'alone', 'the same with one run per request');

function lane(name: string, RUNS: 'together' | 'alone', about: string): Lane {
  return {
    name,
    about,
    models: ['credit-risk', 'mlp'],
    prepare: () => Promise.resolve(),
    command: (model, port) => ({
      file: process.execPath,
      args: [SERVER],
      env: {
        NODE_ENV: 'production',
        ORT_DISABLE_TELEMETRY: '1',
        PORT: String(port),
        CONTRACT: model,
        MODEL_FILE: FILES[model as keyof typeof FILES],
        RUNS,
      },
    }),
  };
}
