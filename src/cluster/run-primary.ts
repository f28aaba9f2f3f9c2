import { pino } from 'pino';
import { type Settings } from '../config/settings.js';
import { logStream } from '../logging/log-stream.js';
import { loggerOptions } from '../logging/logger-options.js';
import { Primary } from './primary.js';
import { PrimaryMetrics } from './primary-metrics.js';

/**
 * Starts the process that looks after the workers.
 *
 * @param main what a worker runs
 * @param onEnd as the primary's
 */
export async function runPrimary(
  settings: Settings,
  main: string,
  onEnd: (code: number, lines: readonly string[]) => void,
): Promise<Primary> {
  const metrics = new PrimaryMetrics();
  const stream = await logStream((lines) => {
    metrics.logLinesDropped.inc(lines);
  });
  const primary = new Primary(
    settings,
    main,
    pino(loggerOptions(settings.LOG_LEVEL), stream),
    metrics,
    (lines) => {
      stream.write(lines);
    },
    onEnd,
  );
  primary.start();
  return primary;
}
