import { type Graph, type TimedSession } from '../session.js';
import { type SampleRow, stack } from './sample-rows.js';

/** How long a run of so many rows takes. */
export interface RunTime {
  rows: number;
  runMs: number;
}

/** How fast a model is. */
export interface Speed extends RunTime {
  /** Milliseconds of a run with one row. */
  rowMs: number;
}

/** A run that is shorter than this may as well be larger, whatever that gains. */
const SHORT_MS = 1;
/** Runs of more rows are worth having where a row takes less than this part of its time in runs of fewer. */
const WORTHWHILE = 0.9;
/** Of all that were timed the shortest run is made in which a row takes this part of a row's time in the best, or less. */
const NEAR_BEST = 1 / 0.95;
/** Milliseconds that all of this may take; a model so slow that it would take longer is measured on fewer rows. */
const BUDGET_MS = 3000;
const MOST_ROWS = 1024;
/** Of runs that are not short: beyond these nothing is gained, and the runtime keeps the memory of its longest run. */
const MOST_LONG_ROWS = 128;
const MOST_BYTES = 16 * 1024 ** 2;
/** Each size is timed so often, the best counts; a slow one less often. */
const REPEATS = 5;
const REPEAT_MS = 10;

/**
 * Times a model on rows that it takes: one at a time, then in runs of twice as many rows, and again, as long as a run
 * takes no longer than `longestMs` says, given the time of a single row, and long ones still gain something.
 *
 * @returns from one row on
 * @throws DomainError `inference_failed` when it refuses even the single row
 */
export async function timeRuns(
  session: TimedSession,
  graph: Graph,
  samples: readonly SampleRow[],
  fetches: readonly string[],
  { longestMs, mostRows }: { longestMs: (rowMs: number) => number; mostRows: number },
): Promise<RunTime[]> {
  const time = async (rows: number) => {
    const batch = Array.from({ length: rows }, (_, index) => samples[index % samples.length] as SampleRow);
    let best = Infinity;
    for (let i = 0, spent = 0; i < REPEATS && spent < REPEAT_MS; i++) {
      const runMs = await session.time(stack(graph, batch), fetches);
      best = Math.min(best, runMs);
      spent += runMs;
    }
    return best;
  };
  const started = performance.now();
  const rowMs = await time(1);
  const times = [{ rows: 1, runMs: rowMs }];
  const most = Math.min(mostRows, MOST_ROWS, MOST_BYTES / bytesOf(samples[0] as SampleRow));
  let least = rowMs;
  for (let rows = 2; rows <= most && performance.now() - started < BUDGET_MS; rows *= 2) {
    const runMs = await time(rows).catch(() => Infinity);
    if (runMs > longestMs(rowMs)) break;
    times.push({ rows, runMs });
    if (runMs > SHORT_MS && rows >= MOST_LONG_ROWS) break;
    // Below, all sizes are timed: what else the machine does may have made one of them look bad.
    if (runMs > REPEAT_MS && runMs / rows >= WORTHWHILE * least) break;
    least = Math.min(least, runMs / rows);
  }
  return times;
}

/** The run to make: one in which a row takes hardly more time than in the best one that is no longer than `longestMs`. */
export function bestRun(times: readonly RunTime[], longestMs: number): Speed {
  const [single, ...larger] = times as [RunTime, ...RunTime[]];
  const allowed = [single, ...larger.filter(({ runMs }) => runMs <= longestMs)];
  const least = Math.min(...allowed.map(msPerRow));
  const smallest = allowed.find((time) => msPerRow(time) <= NEAR_BEST * least) as RunTime;
  const short = allowed.findLast(({ runMs }) => runMs <= SHORT_MS) ?? single;
  const best = short.rows > smallest.rows ? short : smallest;
  return { rowMs: single.runMs, ...best };
}

export function msPerRow({ rows, runMs }: RunTime): number {
  return runMs / rows;
}

function bytesOf(row: SampleRow): number {
  return row.reduce((sum, { data }) => sum + (Array.isArray(data) ? 64 * data.length : data.byteLength), 1);
}
