import { type WorkerStatus } from './calls.js';

/** What is known of a worker that could take connections. */
export interface Candidate {
  readonly status: WorkerStatus;
  readonly place: 'closed' | 'opening' | 'open';
}

/** Which workers begin to take connections, and which do not take them any more. */
export interface Admission<Worker> {
  open: Worker[];
  close: Worker[];
}

/**
 * Those that are ready take connections. Where none is, those whose first loads are done; where there is none of these
 * either, one, which answers probes. Nobody stops before one of those chosen has begun: the port is never closed
 * meanwhile.
 */
export function admission<Worker extends Candidate>(workers: readonly Worker[]): Admission<Worker> {
  const ready = workers.filter(({ status }) => status.isReady);
  const settled = workers.filter(({ status }) => status.isSettled);
  const chosen = ready.length > 0 ? ready : settled.length > 0 ? settled : workers.slice(0, 1);
  return {
    open: chosen.filter(({ place }) => place === 'closed'),
    close: chosen.some(({ place }) => place === 'open')
      ? workers.filter((worker) => worker.place === 'open' && !chosen.includes(worker))
      : [],
  };
}
