import { type Session } from './session.js';

/** A queue of rows, as a lane sees it. */
export interface Work {
  /** Whether there is something to run. */
  readonly isWaiting: boolean;
  /** Whether more would find no place in its next run. */
  readonly isWholeRun: boolean;
  /** Milliseconds that its next run is likely to take. */
  readonly expectedMs: number;
  /** Takes what may share a run off the queue and runs it. Resolves when the session is free again; never rejects. */
  runNext(session: Session): Promise<void>;
}

/** Where the runs of one version take place. */
export interface Lane {
  readonly placement: 'inline' | 'threads';
  /** Sessions that can run at once. */
  readonly width: number;
  /** Sees to it that the work is taken up as soon as a session is free. */
  schedule(work: Work): void;
  /** Gives its sessions back. Nothing may be running or waiting. */
  close(): Promise<void>;
}
