import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from '../harness/processes.ts';
import { BENCH, ROOT, WORK } from '../harness/places.ts';
import { progress } from '../harness/progress.ts';
import { makeVenv, PYTHON } from './python.ts';

/** A folder of models, as nestor takes it. */
export const MLP_MODELS = join(WORK, 'models');
export const MLP_FILE = join(MLP_MODELS, 'mlp', '1.0.0', 'model.onnx');
export const CREDIT_RISK_PIPELINE = join(WORK, 'credit-risk.joblib');

const LIMIT_MS = 120_000;

/** Trains the scikit-learn pipeline of credit-risk 1.0.0, unless it is there. */
export async function makeCreditRiskPipeline(): Promise<void> {
  await make(CREDIT_RISK_PIPELINE, 'credit_risk_pipeline.py', CREDIT_RISK_PIPELINE);
}

/** Writes the MLP, unless it is there. */
export async function makeMlp(): Promise<void> {
  await make(MLP_FILE, 'mlp.py', dirname(MLP_FILE));
}

async function make(file: string, script: string, argument: string): Promise<void> {
  if (existsSync(file)) return;
  await makeVenv();
  progress(`Making ${relative(ROOT, file)}`);
  mkdirSync(WORK, { recursive: true });
  await run({ file: PYTHON, args: [join(BENCH, 'setup', script), argument] }, LIMIT_MS);
}
