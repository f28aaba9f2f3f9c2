import { type Figures } from '../metrics/metrics.js';
import { type Decided } from '../registry/peers.js';
import { type TakenRows } from '../security/limits/siblings.js';
import { type VersionFigures } from '../registry/version-statistics.js';

/** How a worker process is. */
export interface WorkerStatus {
  /** Whether its first loads are done. */
  isSettled: boolean;
  /** Whether it may get traffic, as /health/ready says. */
  isReady: boolean;
  /** Whether only its end will end a run that is under way. */
  isStuck: boolean;
}

/** What the primary asks of a worker. */
export interface WorkerCalls {
  /** Takes connections from now on. */
  open(): Promise<void>;
  /** Takes no more of them, and asks those who have one to make another. */
  close(): Promise<void>;
  /** Says what is served, and where. */
  announce(): void;
  /** Answers what has arrived, and ends. */
  leave(): void;
  /** Ends without answering anybody. */
  end(): void;
  /** Puts in force what was decided in another worker. */
  adopt(decided: Decided): Promise<void>;
  figures(): Promise<Figures>;
  /** Counts rows that callers have taken in another worker. */
  countRows(taken: TakenRows): void;
  /** What versions have done here. */
  statistics(): readonly VersionFigures[];
}

/** What a worker asks of the primary. */
export interface PrimaryCalls {
  /** Says at short intervals that its event loop turns, and how it is. */
  beat(status: WorkerStatus): void;
  /** It cannot start, and ends: why, as lines. */
  failed(lines: readonly string[]): void;
  /** What it has counted in its life, right before its end. */
  counted(figures: Figures, statistics: readonly VersionFigures[]): void;
  /** Has all workers put in force what was decided in this one. */
  adoptAll(decided: Decided): Promise<void>;
  /** The page of /metrics, for all workers. */
  page(): Promise<string>;
  /** Has the others count rows that callers have taken in this one. */
  countRowsElsewhere(taken: TakenRows): void;
  /** What versions have done in all workers. */
  statistics(): Promise<readonly VersionFigures[]>;
}
