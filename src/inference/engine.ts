import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Settings } from '../config/settings.js';
import { type BatchProof } from './graph/batch-proof.js';
import { InlineLane, Turns } from './inline-lane.js';
import { type Lane } from './lane.js';
import { bytesInline, bytesOnThreads, nativeBytes } from './memory.js';
import { OnnxSession } from './onnx-session.js';
import { type Graph, rowsPerRun } from './session.js';
import { ThreadLane } from './thread-lane.js';
import { type InferenceThread } from './threads/inference-thread.js';
import { ThreadPool } from './threads/thread-pool.js';
import { type Batching, type BatchingDecision, decideBatching } from './warm-up/batching.js';
import { isZeroRowTypical, type SampleRow, stack, zeroRow } from './warm-up/sample-rows.js';
import { bestRun, msPerRow, type Speed, timeRuns } from './warm-up/speed.js';
import { tryTogether } from './warm-up/trial.js';

/** A model runs on the HTTP thread when it loads this fast, and one row this fast: nothing else is done meanwhile. */
const INLINE_LOAD_MS = 10;
/** A load that took up to this long may have been held up by other threads, as at a start: it is done again. */
const DOUBTFUL_LOAD_MS = 50;
const INLINE_ROW_MS = 1;
/** The longest run there; rows beyond are for another one, after what else waits. */
const INLINE_RUN_MS = 2;
/** By so much a row may take longer there than in the longer runs of a thread: the way there and back costs as much. */
const INLINE_EXTRA_MS = 0.04;
/** The longest run on a thread: what arrives meanwhile waits so long. A slow model may take a few times its single row. */
const THREAD_RUN_MS = 50;
const THREAD_RUN_ROWS = 4;

/** Rows that share a run where it is not known how large they are, and so how long it takes. */
const UNKNOWN_RUN_ROWS = 8;

/** A model file that a thread has in memory: to be checked and measured there before it is placed for good. */
export interface OpenModel {
  path: string;
  graph: Graph;
  /** Milliseconds that the runtime took to load it. */
  loadMs: number;
  /** By how much the process grew meanwhile. */
  loadBytes: number;
  /** Whether rows are independent, by output. */
  proofs: ReadonlyMap<string, BatchProof>;
  lane: ThreadLane;
  /** The lane's only thread so far, to be measured on. */
  session: InferenceThread;
}

const UNREAD: BatchProof = {
  independent: false,
  node: '',
  operator: '',
  reason: 'the file is too large or too odd to be followed',
};

/** What is known of a model when it is placed. */
export interface PlacementPlan {
  /** Rows that it takes, as its clients send them; perhaps none. */
  samples: readonly SampleRow[];
  /** The outputs that rows are answered from. */
  fetches: readonly string[];
  batching: Batching['mode'];
  /** Rows that one run may hold, and threads, where its author set them. */
  runRows?: number | undefined;
  threads?: number | undefined;
  /** Size of its files: it takes no less memory. */
  fileBytes: number;
}

/** Where and how a model is run from now on. */
export interface Placed {
  lane: Lane;
  batching: Batching;
  /** Absent where no row is known that it takes. */
  speed: Speed | undefined;
  /** Rows that one run of rows may hold. */
  runRows: number;
  /** Outputs that requests may share a run for, and rows that such a run may hold. */
  shareable: ReadonlySet<string>;
  sharedRows: number;
  /** Rows that any run may hold. */
  longestRows: number;
  /** Memory that it takes, as measured; see `memory.ts`. */
  bytes: number;
}

/** Loads models, and keeps the threads that run them. */
@Injectable()
export class InferenceEngine implements OnApplicationShutdown {
  private readonly turns = new Turns();
  private readonly pool = new ThreadPool();

  constructor(
    private readonly settings: Settings,
    private readonly logger: PinoLogger,
  ) {}

  /**
   * Loads a model file on a thread, so that nothing else waits for it.
   *
   * @param about names the model in the log
   * @throws ModelFileProblem when the file cannot be loaded
   */
  async open(path: string, about: Record<string, string>): Promise<OpenModel> {
    const { INFERENCE_THREADS } = this.settings;
    const start = async () => {
      const thread = this.pool.take();
      try {
        return { thread, report: await thread.load(path, INFERENCE_THREADS) };
      } catch (error) {
        if (thread.isAlive) this.pool.giveBack(thread);
        throw error;
      }
    };
    const { thread, report } = await start();
    const lane = new ThreadLane(thread, {
      start: async () => (await start()).thread,
      giveBack: (idle) => {
        this.pool.giveBack(idle);
      },
      onTrouble: (event, err) => {
        this.logger.error({ ...about, err }, event);
      },
    });
    return { path, ...report, lane, session: thread };
  }

  /** Tries and measures a model where it is, decides how it is run, and puts it where it stays. */
  async place(model: OpenModel, plan: PlacementPlan): Promise<Placed> {
    const { graph, session } = model;
    const { fetches, fileBytes } = plan;
    const before = nativeBytes();
    const graphRows = rowsPerRun(graph);
    const samples = plan.samples.length > 0 ? plan.samples : [zeroRow(graph)];
    const { batching, shareable } = await this.decideBatching(model, plan, samples);
    // What is sent in place of a made-up row may be a thousand times as long: it must not hold the HTTP thread up.
    const isTypical = plan.samples.length > 0 || isZeroRowTypical(graph, shareable.size > 0);
    const { MAX_BATCH_SIZE, MODEL_THREADS } = this.settings;
    const mostRows = Math.min(graphRows, batching.coalesced ? (plan.runRows ?? Infinity) : MAX_BATCH_SIZE);
    const longestMs = (rowMs: number) => Math.max(THREAD_RUN_MS, THREAD_RUN_ROWS * rowMs);
    const times = await timeRuns(session, graph, samples, fetches, { longestMs, mostRows }).catch(() => undefined);
    const onThread = times && bestRun(times, Infinity);
    const onTurns = times && bestRun(times, INLINE_RUN_MS);
    const placed = (lane: Lane, speed: Speed | undefined, bytes: number): Placed => {
      const longestRows = Math.min(graphRows, plan.runRows ?? Infinity);
      const sharedRows = Math.min(longestRows, (isTypical ? speed?.rows : UNKNOWN_RUN_ROWS) ?? 1);
      const runRows = batching.coalesced ? sharedRows : graphRows;
      return { lane, batching, speed, runRows, shareable, sharedRows, longestRows, bytes };
    };
    // Where rows must not be parted, the largest batch is one run.
    const longestInline = times?.findLast(({ runMs }) => runMs <= INLINE_RUN_MS)?.rows ?? 0;
    const isBatchShort = batching.coalesced || 2 * longestInline > mostRows;
    const isCheap = onThread && onTurns && msPerRow(onTurns) - msPerRow(onThread) <= INLINE_EXTRA_MS;

    const isFast = isTypical && isCheap && isBatchShort && onTurns.rowMs <= INLINE_ROW_MS;
    if (isFast && (await this.loadsFast(model))) {
      const inline = await OnnxSession.open(model.path, this.settings.INFERENCE_THREADS);
      await inline.run(stack(graph, samples.slice(0, 1)), fetches).catch(() => undefined); // the first takes a millisecond
      await model.lane.close();
      const bytes = bytesInline({ fileBytes, loadBytes: inline.bytes });
      return placed(new InlineLane(inline, this.turns), onTurns, bytes);
    }
    const loadBytes = model.loadBytes + Math.max(0, nativeBytes() - before);
    await model.lane.grow(plan.threads ?? MODEL_THREADS);
    return placed(model.lane, onThread, bytesOnThreads({ fileBytes, loadBytes }, model.lane.width));
  }

  private async loadsFast({ path, session, loadMs }: OpenModel): Promise<boolean> {
    if (loadMs <= INLINE_LOAD_MS || loadMs > DOUBTFUL_LOAD_MS) return loadMs <= INLINE_LOAD_MS;
    await session.release();
    const again = await session.load(path, this.settings.INFERENCE_THREADS);
    return again.loadMs <= INLINE_LOAD_MS;
  }

  private async decideBatching(
    { graph, session, proofs }: OpenModel,
    { batching: mode, fetches }: PlacementPlan,
    samples: readonly SampleRow[],
  ): Promise<BatchingDecision> {
    if (rowsPerRun(graph) === 1) {
      const batching = { mode, coalesced: false, reason: 'the graph takes one row at a time' };
      return { batching, shareable: new Set() };
    }
    return decideBatching({
      mode,
      fetches,
      outputs: graph.outputs.map(({ name }) => name),
      proofOf: (output) => proofs.get(output) ?? UNREAD,
      tryOut: (outputs) => tryTogether(session, graph, samples, outputs),
    });
  }

  /** Milliseconds that the longest run under way has taken so far; 0 where none is. */
  longestRunMs(): number {
    return this.pool.longestRunMs();
  }

  /** Whether a thread runs or loads a model. */
  get isBusy(): boolean {
    return this.pool.isBusy;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
