import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MODELS, WORK } from '../../harness/places.ts';
import { Venv } from '../../setup/python.ts';
import { type Lane } from '../lane.ts';

const VENV = new Venv(join(import.meta.dirname, '.venv'), [join(import.meta.dirname, 'requirements.txt')]);
/** What MLServer serves: a folder for each model. */
const FOLDER = join(WORK, 'mlserver');

/** MLServer in one process: without parallel workers it runs a model on its event loop, and logs no requests. */
export const MLSERVER: Lane = {
  name: 'mlserver',
  about: 'MLServer 1.7 without parallel workers, an ONNX model by hand; logs nothing',
  models: ['credit-risk'],
  prepare: async () => {
    await VENV.make();
    const folder = join(FOLDER, 'credit-risk');
    mkdirSync(folder, { recursive: true });
    const uri = join(MODELS, 'credit-risk', '1.0.0', 'model.onnx');
    const settings = {
      name: 'credit-risk',
      implementation: 'onnx_model.OnnxModel',
      parameters: { uri, version: '1.0.0' },
    };
    writeFileSync(join(folder, 'model-settings.json'), JSON.stringify(settings));
  },
  command: (_model, port, grpcPort) => ({
    file: VENV.program('mlserver'),
    args: ['start', FOLDER],
    env: {
      MLSERVER_HOST: '127.0.0.1',
      MLSERVER_HTTP_PORT: String(port),
      MLSERVER_GRPC_PORT: String(grpcPort),
      MLSERVER_METRICS_ENDPOINT: '',
      MLSERVER_PARALLEL_WORKERS: '0',
      MLSERVER_DEBUG: 'false',
      MLSERVER_ENVIRONMENTS_DIR: join(WORK, 'mlserver-environments'),
      PYTHONPATH: import.meta.dirname,
      OMP_NUM_THREADS: '1',
      ORT_DISABLE_TELEMETRY: '1',
    },
  }),
};
