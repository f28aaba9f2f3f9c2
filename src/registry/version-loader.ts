import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { patientCaller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { SourceProblem } from '../common/source-file.js';
import { Settings } from '../config/settings.js';
import { Batcher, type BatcherOptions } from '../inference/batcher.js';
import { InferenceEngine, type OpenModel } from '../inference/engine.js';
import { type Graph, ModelFileProblem } from '../inference/session.js';
import { toSamples } from '../inference/warm-up/sample-rows.js';
import { type Row } from '../signature/columns.js';
import { loadSignature, type Signature } from '../signature/signature.js';
import { Metrics } from '../metrics/metrics.js';
import { MODEL_ONNX } from './folder-repository.js';
import { digestOf, stampOf } from './folder-stamp.js';
import { checkGolden } from './golden-check.js';
import { LoadedVersion } from './loaded-version.js';
import { MemoryBudget } from './memory-budget.js';
import { type LoadVersion, type ModelVersion } from './model-version.js';
import { checkOutputs } from './output-check.js';
import { predictRows } from './predict-rows.js';

/** Brings a version from its folder into memory, and checks it before it takes traffic. */
@Injectable()
export class VersionLoader {
  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly engine: InferenceEngine,
    private readonly budget: MemoryBudget,
    private readonly logger: PinoLogger,
  ) {}

  /** @throws Error whose message is the reason, fit to be shown; NoRoom */
  readonly load: LoadVersion = (version, onChecking) =>
    this.budget.load(version, () => this.loadNow(version, onChecking));

  private async loadNow(version: ModelVersion, onChecking: () => void): Promise<LoadedVersion> {
    try {
      return await this.loadAndCheck(version, onChecking);
    } catch (error) {
      if (error instanceof SourceProblem || error instanceof ModelFileProblem) throw error;
      if (error instanceof DomainError) {
        this.logger.error({ err: error.cause, model: version.model, version: version.version }, 'version_check_failed');
        throw new Error(`${MODEL_ONNX}: ${error.message}`, { cause: error });
      }
      this.logger.error({ err: error, model: version.model, version: version.version }, 'version_load_error');
      throw new Error('an unexpected error, see the log', { cause: error });
    }
  }

  private async loadAndCheck(version: ModelVersion, onChecking: () => void): Promise<LoadedVersion> {
    const { folder } = version.entry;
    const path = join(folder, MODEL_ONNX);
    await access(path).catch(async (error: unknown) => {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new ModelFileProblem(code === 'ENOENT' ? await missing(folder) : `${MODEL_ONNX}: cannot be read (${code})`);
    });
    // First: should the files change while they are read, the next look finds another digest.
    const { text: stamp } = await stampOf(folder);
    const digest = await digestOf(folder);
    const model = await this.engine.open(path, { model: version.model, version: version.version });
    try {
      const warnings: string[] = [];
      const found = await loadSignature(folder, model.graph, warnings);
      for (const warning of warnings) this.logger.warn({ model: version.model, version: version.version }, warning);
      onChecking();
      const { signature, samples } = await this.check(version, model, found);
      this.warnOfLeftOut(version, model.graph, signature);
      const isWhole = (await stampOf(folder)).text === stamp;
      if (!isWhole) this.warnOfChange(version);
      return await this.place(version, model, signature, samples, { digest, isWhole });
    } catch (error) {
      await model.lane.close();
      throw error;
    }
  }

  /**
   * Runs what is known to be right, each request on its own.
   *
   * @returns rows that the model takes. A signature that was read off the graph is not there any more where the model
   *   gives no row for a row: it takes tensors only
   */
  private async check(
    version: ModelVersion,
    { graph, lane }: OpenModel,
    signature: Signature | undefined,
  ): Promise<{ signature: Signature | undefined; samples: readonly Row[] }> {
    const batcher = new Batcher(graph, lane, { shareable: new Set(), maxRows: 1, queueLimit: Infinity });
    const golden = await checkGolden(version.entry.folder, signature, batcher);
    if (golden.length > 0 || !signature) return { signature, samples: golden };
    try {
      return { signature, samples: await this.tryExample(version, signature, batcher) };
    } catch (error) {
      if (signature.isImplied && error instanceof DomainError) return { signature: undefined, samples: [] };
      throw error;
    }
  }

  private async place(
    version: ModelVersion,
    model: OpenModel,
    signature: Signature | undefined,
    rows: readonly Row[],
    { digest, isWhole }: Pick<LoadedVersion, 'digest' | 'isWhole'>,
  ): Promise<LoadedVersion> {
    const { graph } = model;
    const { run_rows, queue_rows, threads } = signature?.limits ?? {};
    const placed = await this.engine.place(model, {
      samples: signature
        ? toSamples(
            graph,
            rows.map((row) => signature.request([row])),
          )
        : [],
      fetches: signature?.fetches ?? graph.outputs.map(({ name }) => name),
      batching: signature?.batching ?? 'auto',
      runRows: run_rows,
      threads,
      fileBytes: version.entry.stamp.bytes,
    });
    const batcher = new Batcher(graph, placed.lane, {
      shareable: placed.shareable,
      maxRows: placed.sharedRows,
      longestRows: placed.longestRows,
      wholeRows: signature || placed.shareable.size > 0 ? this.settings.MAX_BATCH_SIZE : undefined,
      queueLimit: queue_rows ?? this.settings.QUEUE_LIMIT,
      pace: placed.speed && placed.speed.rows / placed.speed.runMs,
      ...this.counters(version),
    });
    return new LoadedVersion(graph, signature, batcher, placed, digest, isWhole, version.statistics);
  }

  private counters({ model, version, statistics }: ModelVersion): Pick<BatcherOptions, 'onRun' | 'onRefusal'> {
    const labels = { model, version };
    return {
      onRun: (run) => {
        const { requests, rows, queueMs, runMs } = run;
        statistics.ran(run);
        this.metrics.inferenceSeconds.observe(labels, runMs / 1000);
        this.metrics.queueSeconds.observe(labels, queueMs / 1000);
        this.metrics.runRequests.observe(labels, requests);
        this.metrics.runRows.observe(labels, rows);
        this.metrics.rows.inc(labels, rows);
        if (requests > 1) this.metrics.coalescedRows.inc(labels, rows);
      },
      onRefusal: (reason, rows) => {
        this.metrics.refusedRows.inc({ ...labels, reason }, rows);
      },
    };
  }

  /**
   * Runs the example row, alone and twice: whether the graph gives what the signature says shows only in a run. A row
   * that was made up may be one that the model rightly refuses (a category that it does not know): that is no verdict.
   */
  private async tryExample(
    { model, version }: ModelVersion,
    signature: Signature,
    batcher: Batcher,
  ): Promise<readonly Row[]> {
    const { example, isExampleWritten } = signature;
    if (!example) return [];
    try {
      await predictRows(signature, batcher, [example], patientCaller());
      await predictRows(signature, batcher, [example, example], patientCaller());
      await checkOutputs(signature, batcher, [example]);
      return [example];
    } catch (error) {
      const isVerdict = isExampleWritten || (error as Error).cause === undefined;
      if (isVerdict) throw error;
      this.logger.warn(
        { model, version },
        'not tried out: the model refuses a made-up row; give examples or a golden.json',
      );
      return [];
    }
  }

  private warnOfChange({ model, version }: ModelVersion): void {
    const effect = 'its predictions are not cached until it is loaded again';
    this.logger.warn({ model, version }, `files changed while they were read: ${effect}`);
  }

  private warnOfLeftOut(
    { model, version }: ModelVersion,
    { unsupportedOutputs }: Graph,
    signature: Signature | undefined,
  ): void {
    if (!signature) this.logger.warn({ model, version }, 'takes tensors only, no rows: add a signature.yaml');
    if (unsupportedOutputs.length === 0) return;
    const outputs = unsupportedOutputs.join(', ');
    this.logger.warn(
      { model, version },
      `output ${outputs} is a sequence or a map and is left out: export with options={'zipmap': False}`,
    );
  }
}

async function missing(folder: string): Promise<string> {
  const names = await readdir(folder).catch((): string[] => []);
  const other = names.find((name) => name.endsWith('.onnx'));
  return other === undefined ? `${MODEL_ONNX} is missing` : `${MODEL_ONNX} is missing: rename ${other}`;
}
