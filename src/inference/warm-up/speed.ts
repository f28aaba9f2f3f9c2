import { type Graph, type Session } from '../session.js';
import { type SampleRow, stack } from './sample-rows.js';

/** How fast a model is. */
export interface Speed {
  /** Milliseconds of a run with one row. */
  rowMs: number;
  /** Rows beyond which a run takes too long, or gains nothing by being larger. */
  rows: number;
  /** Milliseconds of a run with so many rows. */
  runMs: number;
}

/** A run that takes longer than this is worth being made larger only where that makes a row cheaper. */
const SHORT_MS = 1;
/** A run of twice the rows must take less than this times as long, or it gains nothing worth having. */
const WORTHWHILE = 1.8;
/** Milliseconds that all of this may take; a model so slow that it would take longer is measured on fewer rows. */
const BUDGET_MS = 3000;
const MOST_ROWS = 1024;
const MOST_BYTES = 16 * 1024 ** 2;
/** Each size is timed so often, the best counts; a slow one less often. */
const REPEATS = 3;
const REPEAT_MS = 20;

/**
 * Measures a model on rows that it takes: one at a time, then in runs of twice as many rows, and again, as long as
 * that pays and takes no longer than `longestMs` says, given the time of a single row.
 *
 * @throws DomainError `inference_failed` when it refuses even the single row
 */
export async function measureSpeed(
  session: Session,
  graph: Graph,
  samples: readonly SampleRow[],
  fetches: readonly string[],
  { longestMs, mostRows }: { longestMs: (rowMs: number) => number; mostRows: number },
): Promise<Speed> {
  const time = async (rows: number) => {
    const batch = Array.from({ length: rows }, (_, index) => samples[index % samples.length] as SampleRow);
    let best = Infinity;
    for (let i = 0, spent = 0; i < REPEATS && spent < REPEAT_MS; i++) {
      const { runMs } = await session.run(stack(graph, batch), fetches);
      best = Math.min(best, runMs);
      spent += runMs;
    }
    return best;
  };
  const started = performance.now();
  const rowMs = await time(1);
  const speed = { rowMs, rows: 1, runMs: rowMs };
  const most = Math.min(mostRows, MOST_ROWS, MOST_BYTES / bytesOf(samples[0] as SampleRow));
  while (2 * speed.rows <= most && performance.now() - started < BUDGET_MS) {
    const runMs = await time(2 * speed.rows).catch(() => Infinity);
    if (runMs > longestMs(rowMs) || (runMs > SHORT_MS && runMs > WORTHWHILE * speed.runMs)) break;
    speed.rows *= 2;
    speed.runMs = runMs;
  }
  return speed;
}

function bytesOf(row: SampleRow): number {
  return row.reduce((sum, { data }) => sum + (Array.isArray(data) ? 64 * data.length : data.byteLength), 1);
}
