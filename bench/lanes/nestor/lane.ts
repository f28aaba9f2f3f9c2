import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CONNECTIONS } from '../../harness/load.ts';
import { MODELS, ROOT } from '../../harness/places.ts';
import { MLP_MODELS } from '../../setup/models.ts';
import { type Lane } from '../lane.ts';

const MAIN = join(ROOT, 'dist', 'main.js');
const LARGEST_BATCH = 100;

export const NESTOR = lane('nestor', 'both', 'the built service as it comes: both log lines of a request, to a file');
export const NESTOR_QUIET = lane('nestor-quiet', 'off', 'the same with LOG_REQUESTS=off');

function lane(name: string, LOG_REQUESTS: 'both' | 'off', about: string): Lane {
  return {
    name,
    about,
    models: ['credit-risk', 'mlp'],
    prepare: () => {
      if (existsSync(MAIN)) return Promise.resolve();
      return Promise.reject(new Error('There is no dist/main.js: run `npm run build` first'));
    },
    command: (model, port) => ({
      file: process.execPath,
      args: [MAIN],
      env: {
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        PORT: String(port),
        MODELS_DIR: model === 'mlp' ? MLP_MODELS : MODELS,
        INFERENCE_THREADS: '1',
        // Every client's batch may wait at the same time; by default most of them would be turned away.
        QUEUE_LIMIT: String(CONNECTIONS * LARGEST_BATCH),
        LOG_REQUESTS,
      },
    }),
  };
}
