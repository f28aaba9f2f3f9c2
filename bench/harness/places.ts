import { dirname, join } from 'node:path';

/** The checkout. */
export const ROOT = dirname(dirname(import.meta.dirname));
export const BENCH = join(ROOT, 'bench');
/** Results, one JSON file for each run of a scenario. Ignored by git. */
export const RESULTS = join(BENCH, 'results');
/** Models made for the benchmark, logs of the servers, profiles. Ignored by git, and made again when it is gone. */
export const WORK = join(BENCH, '.work');
/** What the servers print, and the request logs of those that write them to a file. New for each run. */
export const LOGS = join(WORK, 'logs');
/** The Python environment of the FastAPI lanes. Ignored by git, and made again when it is gone. */
export const VENV = join(BENCH, '.venv');
/** The folder of models that ship with the service. */
export const MODELS = join(ROOT, 'models');
