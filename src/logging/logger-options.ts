import { isoNow } from '../common/iso-now.js';
import { WORKER_NUMBER } from '../common/worker-number.js';

/** How pino writes its lines. */
export function loggerOptions(level: string) {
  return {
    level,
    base: WORKER_NUMBER === 0 ? null : { worker: WORKER_NUMBER },
    timestamp: () => `,"time":"${isoNow()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
}
