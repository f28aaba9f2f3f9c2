import { join } from 'node:path';
import { LOGS, MODELS } from '../../harness/places.ts';
import { SLOW_FILE } from '../../setup/mixed-models.ts';
import { CREDIT_RISK_PIPELINE, makeCreditRiskPipeline } from '../../setup/models.ts';
import { makeVenv, PYTHON } from '../../setup/python.ts';
import { type Lane } from '../lane.ts';

const ONNX_FILE = join(MODELS, 'credit-risk', '1.0.0', 'model.onnx');

export const FASTAPI_TUTORIAL = lane(
  'fastapi-tutorial',
  { app: 'tutorial', modelFile: CREDIT_RISK_PIPELINE },
  'FastAPI as tutorials have it: scikit-learn, JSON log middleware, a loop over a batch',
);
export const FASTAPI_ONNXRUNTIME = lane(
  'fastapi-onnxruntime',
  { app: 'tutorial', modelFile: ONNX_FILE },
  'the same with onnxruntime',
);
export const FASTAPI_TUNED = lane(
  'fastapi-tuned',
  { app: 'tuned', modelFile: ONNX_FILE },
  'FastAPI with onnxruntime, orjson, one run for a batch; logs nothing',
);

/** uvicorn with its fast parts and one worker; its own access log is off, as the middleware writes one. */
function lane(name: string, { app, modelFile }: { app: string; modelFile: string }, about: string): Lane {
  return {
    name,
    about,
    models: ['credit-risk', 'mixed'],
    prepare: async () => {
      await makeVenv();
      if (modelFile === CREDIT_RISK_PIPELINE) await makeCreditRiskPipeline();
    },
    command: (model, port) => ({
      file: PYTHON,
      args: [
        '-m',
        'uvicorn',
        `${model === 'mixed' ? 'beside_slow' : app}:app`,
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--workers',
        '1',
      ]
        .concat(['--loop', 'uvloop', '--http', 'httptools'])
        .concat(['--no-access-log', '--log-level', 'warning', '--app-dir', import.meta.dirname]),
      env: {
        APP: app,
        MODEL_FILE: modelFile,
        SLOW_MODEL_FILE: SLOW_FILE,
        LOG_FILE: join(LOGS, `${name}-requests.log`),
        OMP_NUM_THREADS: '1',
        ORT_DISABLE_TELEMETRY: '1',
      },
    }),
  };
}
