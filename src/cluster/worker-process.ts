import cluster, { type Worker } from 'node:cluster';
import { type Readable } from 'node:stream';
import { type Figures } from '../metrics/metrics.js';
import { type Decided } from '../registry/peers.js';
import { type TakenRows } from '../security/limits/siblings.js';
import { type VersionFigures } from '../registry/version-statistics.js';
import { type Candidate } from './admission.js';
import { type PrimaryCalls, type WorkerCalls, type WorkerStatus } from './calls.js';
import { Channel } from './channel.js';
import { HandedOver } from './handed-over.js';

/** What the primary does for its workers. */
export interface WorkerOwner {
  /** The status of a worker has come. */
  onBeat(worker: WorkerProcess): void;
  onLines(lines: string): void;
  adoptAll(decided: Decided): Promise<void>;
  page(): Promise<string>;
  countRowsElsewhere(worker: WorkerProcess, taken: TakenRows): void;
  statistics(): Promise<readonly VersionFigures[]>;
}

/** How a process ended: one of both is there. */
export interface Exit {
  code: number | null;
  signal: string | null;
}

/** One worker process, as the primary sees it. */
export class WorkerProcess implements Candidate {
  readonly startedAt = performance.now();
  /** When it was last heard of, by the monotonic clock. */
  seenAt = this.startedAt;
  status: WorkerStatus = { isSettled: false, isReady: false, isStuck: false };
  place: Candidate['place'] = 'closed';
  /** Told to end: nothing new is for it. */
  isLeaving = false;
  /** Whether it has been heard of: it takes calls. */
  isUp = false;
  isAlive = true;
  /** Why it could not start. */
  failure: readonly string[] | undefined;
  /** What it counted, as far as it was asked. */
  figures: Figures = [];
  statistics: readonly VersionFigures[] = [];
  /** Resolves when it has ended and all that it wrote has been read. */
  readonly ended: Promise<Exit>;
  readonly channel: Channel<WorkerCalls, PrimaryCalls>;
  readonly connections: HandedOver;
  private readonly worker: Worker;

  constructor(environment: Record<string, string>, owner: WorkerOwner) {
    this.worker = cluster.fork(environment);
    this.channel = new Channel<WorkerCalls, PrimaryCalls>(this.worker.process, {
      beat: (status) => {
        this.seenAt = performance.now();
        this.isUp = true;
        this.status = status;
        owner.onBeat(this);
      },
      failed: (lines) => (this.failure = lines),
      counted: (figures, statistics) => {
        this.figures = figures;
        this.statistics = statistics;
      },
      adoptAll: (decided) => owner.adoptAll(decided),
      page: () => owner.page(),
      countRowsElsewhere: (taken) => {
        owner.countRowsElsewhere(this, taken);
      },
      statistics: () => owner.statistics(),
    });
    this.connections = new HandedOver(this.worker.process);
    passWholeLines(this.worker.process.stdout as Readable, (lines) => {
      owner.onLines(lines);
    });
    this.ended = new Promise((resolve) => {
      this.worker.process.once('close', (code, signal) => {
        this.isAlive = false;
        resolve({ code, signal });
      });
    });
  }

  get number(): number {
    return this.worker.id;
  }

  kill(signal: NodeJS.Signals): void {
    this.worker.process.kill(signal);
  }
}

/** Lines of several processes must not mix: what each has written is passed on up to its last line break. */
function passWholeLines(stream: Readable, pass: (lines: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) pass(rest + text.slice(0, end));
    rest = end > 0 ? text.slice(end) : rest + text;
  });
  stream.on('end', () => {
    if (rest !== '') pass(`${rest}\n`);
  });
}
