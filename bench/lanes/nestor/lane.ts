import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CONNECTIONS } from '../../harness/load.ts';
import { MODELS, ROOT } from '../../harness/places.ts';
import { type Served } from '../../harness/scenario.ts';
import { MIXED_MODELS } from '../../setup/mixed-models.ts';
import { MLP_MODELS } from '../../setup/models.ts';
import { makeWideModels, WIDE_MODELS } from '../../setup/wide-models.ts';
import { type Lane } from '../lane.ts';

const MAIN = join(ROOT, 'dist', 'bundle', 'main.js');
const LARGEST_BATCH = 1024;
const FOLDERS: Record<Served, string> = {
  'credit-risk': MODELS,
  mlp: MLP_MODELS,
  mixed: MIXED_MODELS,
  wide: WIDE_MODELS,
};

export const NESTOR = nestor('nestor', 'the built service as it comes: both log lines of a request, to a file');
export const NESTOR_QUIET = nestor('nestor-quiet', 'the same with LOG_REQUESTS=off', { LOG_REQUESTS: 'off' });

/** @param settings of the service, in place of the lane's own */
export function nestor(name: string, about: string, settings: Readonly<Record<string, string>> = {}): Lane {
  return {
    name,
    about,
    models: ['credit-risk', 'mlp', 'mixed', 'wide'],
    prepare: () => {
      makeWideModels();
      if (existsSync(MAIN)) return Promise.resolve();
      return Promise.reject(new Error('There is no dist/bundle/main.js: run `npm run build` first'));
    },
    command: (model, port, grpcPort) => ({
      file: process.execPath,
      // As `npm start` has it.
      args: ['--max-semi-space-size=8', '--heap-growing-percent=50', MAIN],
      env: {
        MALLOC_MMAP_THRESHOLD_: String(1024 ** 2),
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        PORT: String(port),
        GRPC_PORT: String(grpcPort),
        MODELS_DIR: FOLDERS[model],
        INFERENCE_THREADS: '1',
        // Every client's batch may wait at the same time; by default most of them would be turned away.
        QUEUE_LIMIT: String(CONNECTIONS * LARGEST_BATCH),
        LOG_REQUESTS: 'both',
        ...settings,
      },
    }),
  };
}
