import { Injectable } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { Turns } from '../common/turns.js';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { type LoadedVersion } from './loaded-version.js';
import { type ModelVersion, NoRoom } from './model-version.js';
import { leavers, type Resident } from './room.js';

/** A version that comes back so often within that time is thrashing: its neighbours and it do not fit together. */
const THRASHING_TIMES = 3;
const THRASHING_MS = 60_000;
const EVICTED = 'unloaded to keep within MEMORY_BUDGET: the next request loads it';

interface Held {
  version: ModelVersion;
  loaded: LoadedVersion;
}

/**
 * Keeps the memory of all loaded versions within MEMORY_BUDGET: the least recently used lazy ones leave. Eager versions
 * count, and never leave. While a version is replaced by a reload it is there twice, which may exceed the budget.
 *
 * With a budget versions are loaded one after the other, in the order in which they were asked for: so each is measured
 * by itself, and of two that do not fit together each gets its turn, and answers who has waited for it.
 */
@Injectable()
export class MemoryBudget {
  private readonly held = new Set<Held>();
  private readonly turns = new Turns();
  private readonly thrashing = new Map<ModelVersion, { evictedAt: number; returns: number[]; toldAt: number }>();
  private isOverrun = false;

  constructor(
    private readonly settings: Settings,
    private readonly metrics: Metrics,
    private readonly logger: PinoLogger,
  ) {
    metrics.memoryBudget.set(this.limit);
  }

  /**
   * Loads a version once there is room for it, and makes that room.
   *
   * @throws NoRoom where it does not fit, whatever leaves; and what `read` throws
   */
  load(version: ModelVersion, read: () => Promise<LoadedVersion>): Promise<LoadedVersion> {
    if (this.limit === Infinity) return read().then((loaded) => this.hold(version, loaded));
    const loaded = this.turns.take(() => this.loadInTurn(version, read));
    // Who waited for this one reaches its queue before the next is chosen to leave.
    void this.turns.take(() => new Promise(setImmediate));
    return loaded;
  }

  /** Refuses a lazy version that does not fit, whatever leaves; and gives one that was refused another chance when it does. */
  judge(version: ModelVersion): void {
    if (this.limit === Infinity) return;
    const objection = version.isLazy ? this.objection(version, sizeOf(version)) : undefined;
    if (version.state === 'DISCOVERED' && objection !== undefined) version.refuse(objection);
    else if (version.isRefused && objection === undefined) version.retry();
  }

  /** Tells once where the versions that never leave take more than the budget. */
  watchFixed(): void {
    const fixed = this.fixedBytes();
    const isOverrun = fixed > this.limit;
    if (isOverrun && !this.isOverrun) {
      this.logger.warn(
        { memory_bytes: fixed, memory_budget: this.limit },
        `MEMORY_BUDGET is ${shown(this.limit)}, and the eager versions alone take ${shown(fixed)}`,
      );
    }
    this.isOverrun = isOverrun;
  }

  /** A version is gone for good. */
  forget(version: ModelVersion): void {
    this.thrashing.delete(version);
  }

  private get limit(): number {
    return this.settings.MEMORY_BUDGET ?? Infinity;
  }

  private async loadInTurn(version: ModelVersion, read: () => Promise<LoadedVersion>): Promise<LoadedVersion> {
    await this.makeRoom(version, sizeOf(version));
    let loaded = await this.measure(version, read);
    if (version.isLazy && this.objection(version, loaded.bytes) !== undefined) {
      // Before it is refused for that: the process may have grown for another reason meanwhile.
      await loaded.release();
      loaded = await this.measure(version, read);
    }
    try {
      await this.makeRoom(version, loaded.bytes);
    } catch (error) {
      await loaded.release();
      throw error;
    }
    this.noteReturn(version);
    return this.hold(version, loaded);
  }

  /** The least that was measured counts: noise makes it more, and less than the files it never is. */
  private async measure(version: ModelVersion, read: () => Promise<LoadedVersion>): Promise<LoadedVersion> {
    const stamp = version.entry.stamp.text;
    const loaded = await read();
    if (version.measured?.stamp === stamp) loaded.bytes = Math.min(loaded.bytes, version.measured.bytes);
    version.measured = { bytes: loaded.bytes, stamp };
    return loaded;
  }

  private hold(version: ModelVersion, loaded: LoadedVersion): LoadedVersion {
    const held = { version, loaded };
    this.held.add(held);
    loaded.onReleased = () => this.held.delete(held);
    return loaded;
  }

  private async makeRoom(version: ModelVersion, bytes: number): Promise<void> {
    const objection = version.isLazy ? this.objection(version, bytes) : undefined;
    if (objection !== undefined) throw new NoRoom(objection);
    if (this.heldBytes() + bytes <= this.limit) return;
    // What is about to go makes room without anyone's harm.
    for (const { loaded } of [...this.held]) await loaded.leaving;
    const residents = [...this.held].map((held) => toResident(held, version));
    const leaving = leavers(residents, bytes, this.limit);
    await Promise.all(leaving.map(({ held }) => this.evict(held, version)));
  }

  private async evict({ version, loaded }: Held, by: ModelVersion): Promise<void> {
    const { model, version: name } = version;
    this.metrics.evictions.inc({ model, version: name });
    this.logger.info(
      { model, version: name, memory_bytes: loaded.bytes, for: `${by.model} ${by.version}` },
      'version_evicted',
    );
    const seen = this.thrashing.get(version) ?? { evictedAt: 0, returns: [], toldAt: -Infinity };
    seen.evictedAt = performance.now();
    this.thrashing.set(version, seen);
    await version.evict(EVICTED);
  }

  /** A version is loaded that may have had to leave a moment ago. */
  private noteReturn(version: ModelVersion): void {
    const seen = this.thrashing.get(version);
    if (!seen) return;
    const now = performance.now();
    if (now - seen.evictedAt > THRASHING_MS) {
      this.thrashing.delete(version);
      return;
    }
    const { model, version: name } = version;
    this.metrics.returns.inc({ model, version: name });
    seen.returns = [...seen.returns.filter((at) => now - at < THRASHING_MS), now];
    if (seen.returns.length < THRASHING_TIMES || now - seen.toldAt < THRASHING_MS) return;
    seen.toldAt = now;
    this.logger.warn(
      { model, version: name, times: seen.returns.length, memory_budget: this.limit },
      'version_thrashing',
    );
  }

  private objection(version: ModelVersion, bytes: number): string | undefined {
    const fixed = this.fixedBytes(version);
    if (fixed + bytes <= this.limit) return undefined;
    const beside = fixed > 0 ? `, of which versions that never leave take ${shown(fixed)}` : '';
    return `it takes ${shown(bytes)} of memory, and MEMORY_BUDGET is ${shown(this.limit)}${beside}`;
  }

  /** Bytes of what stays, whoever else comes. */
  private fixedBytes(except?: ModelVersion): number {
    let bytes = 0;
    for (const { version, loaded } of this.held) {
      if (!version.isLazy && version !== except && !loaded.leaving) bytes += loaded.bytes;
    }
    return bytes;
  }

  private heldBytes(): number {
    let bytes = 0;
    for (const { loaded } of this.held) bytes += loaded.bytes;
    return bytes;
  }
}

function toResident(held: Held, incoming: ModelVersion): Resident & { held: Held } {
  const { version, loaded } = held;
  const { isIdle, lastUsed } = loaded.batcher;
  return { held, bytes: loaded.bytes, mayLeave: version !== incoming && version.mayLeave(loaded), isIdle, lastUsed };
}

/** What a version will take: as it did the last time, else the size of its files, which is the least. */
function sizeOf({ measured, entry }: ModelVersion): number {
  return measured?.stamp === entry.stamp.text ? measured.bytes : entry.stamp.bytes;
}

function shown(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}
