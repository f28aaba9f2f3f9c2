import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { DomainError } from '../common/errors.js';
import { SourceProblem } from '../common/source-file.js';
import { Settings } from '../config/settings.js';
import { Batcher, type RunReport } from '../inference/batcher.js';
import { type Graph, InferenceEngine, ModelFileProblem } from '../inference/engine.js';
import { loadSignature, type Signature } from '../signature/signature.js';
import { Metrics } from '../metrics/metrics.js';
import { MODEL_ONNX } from './folder-repository.js';
import { checkGolden } from './golden-check.js';
import { LoadedVersion } from './loaded-version.js';
import { type LoadVersion, type ModelVersion } from './model-version.js';

/** Rows that requests may bring together in one run: beyond them a run gains nothing, and its tensors only grow. */
const RUN_ROWS = 4096;

/** Brings a version from its folder into memory, and checks it before it takes traffic. */
@Injectable()
export class VersionLoader {
  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly engine: InferenceEngine,
    private readonly logger: PinoLogger,
  ) {}

  /** @throws Error whose message is the reason, fit to be shown */
  readonly load: LoadVersion = async (version, onChecking) => {
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
  };

  private async loadAndCheck(version: ModelVersion, onChecking: () => void): Promise<LoadedVersion> {
    const { folder } = version.entry;
    const path = join(folder, MODEL_ONNX);
    await access(path).catch((error: unknown) => {
      const { code = '' } = error as NodeJS.ErrnoException;
      throw new ModelFileProblem(
        code === 'ENOENT' ? `${MODEL_ONNX} is missing` : `${MODEL_ONNX}: cannot be read (${code})`,
      );
    });
    const session = await this.engine.load(path);
    try {
      const signature = await loadSignature(folder, session.graph);
      const batcher = new Batcher(session, {
        coalesce: signature?.batching === 'on',
        maxRows: Math.min(signature?.maxRows ?? Infinity, RUN_ROWS),
        queueLimit: this.settings.QUEUE_LIMIT,
        onRun: (run) => {
          this.countRun(version, run);
        },
      });
      const loaded = new LoadedVersion(session.graph, signature, batcher, () => session.release());
      onChecking();
      const checked = await checkGolden(folder, loaded);
      if (checked === 0) await this.tryExample(version, loaded);
      this.warnOfLeftOut(version, session.graph, signature);
      return loaded;
    } catch (error) {
      await session.release();
      throw error;
    }
  }

  private countRun({ model, version, state }: ModelVersion, { requests, rows, runMs }: RunReport): void {
    if (state !== 'READY') return; // its own checks are no traffic
    const labels = { model, version };
    this.metrics.inferenceSeconds.observe(labels, runMs / 1000);
    this.metrics.runRequests.observe(labels, requests);
    this.metrics.rows.inc(labels, rows);
  }

  /**
   * Runs the example row, alone and twice: whether the graph gives what the signature says shows only in a run. A row
   * that was made up may be one that the model rightly refuses (a category that it does not know): that is no verdict.
   */
  private async tryExample({ model, version }: ModelVersion, loaded: LoadedVersion): Promise<void> {
    const { signature } = loaded;
    if (!signature?.example) return;
    try {
      await loaded.predict(signature, [signature.example]);
      await loaded.predict(signature, [signature.example, signature.example]);
    } catch (error) {
      const isVerdict = signature.isExampleWritten || (error as Error).cause === undefined;
      if (isVerdict) throw error;
      this.logger.warn(
        { model, version },
        'not tried out: the model refuses a made-up row; give examples or a golden.json',
      );
    }
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
