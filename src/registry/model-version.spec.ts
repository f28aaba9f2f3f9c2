import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type LoadedVersion } from './loaded-version.js';
import { ModelVersion } from './model-version.js';
import { type VersionEntry } from './repository.js';

/** What a version is loaded from, at a time: each content has its own digest, and `bad` ones fail. */
interface Files {
  content: number;
  isBad: boolean;
}

const entryOf = (files: Files, time: number): VersionEntry => ({
  version: '1',
  folder: JSON.stringify(files),
  bytes: 1,
  stamp: { text: `${files.content} ${String(files.isBad)} ${time}`, newest: 0, bytes: 1 },
});

const STEPS = [
  'unload',
  'load',
  'exclude',
  'include',
  'write',
  'touch',
  'break',
  'follow',
  'retry',
  'evict',
  'request',
] as const;

/** A version whose loads and drains end when the scheduler says so. */
class Rig {
  files: Files = { content: 0, isBad: false };
  time = 0;
  isExcluded = false;
  /** Loads that were made, and how often each was released. */
  readonly loads: { content: number; released: number }[] = [];
  running = 0;
  readonly version = new ModelVersion('m', entryOf(this.files, 0), () => {
    expect(this.version.state === 'READY').toBe(this.version.loaded !== undefined);
  });

  constructor(private readonly scheduler: fc.Scheduler) {
    this.version.isLazy = true;
  }

  readonly load = async (version: ModelVersion, onChecking: () => void): Promise<LoadedVersion> => {
    expect(++this.running).toBe(1);
    const { content, isBad } = JSON.parse(version.entry.folder) as Files;
    try {
      await this.scheduler.schedule(Promise.resolve(), 'loading');
      onChecking();
      await this.scheduler.schedule(Promise.resolve(), 'checking');
      if (isBad) throw new Error('bad');
    } finally {
      this.running--;
    }
    const made = { content, released: 0 };
    this.loads.push(made);
    const release = async () => {
      made.released++;
      await this.scheduler.schedule(Promise.resolve(), 'draining');
    };
    return { digest: String(content), release } as unknown as LoadedVersion;
  };

  readonly digestOf = async (folder: string) => {
    await this.scheduler.schedule(Promise.resolve(), 'digest');
    return String((JSON.parse(folder) as Files).content);
  };

  do(step: (typeof STEPS)[number]): void {
    const { version } = this;
    switch (step) {
      case 'exclude':
      case 'include':
        this.isExcluded = step === 'exclude';
        if (this.isExcluded) version.exclude('UNLOADED', `asked at ${++this.time}`);
        else version.include();
        if (this.isExcluded) expect([version.canServe, version.loaded]).toEqual([false, undefined]);
        break;
      case 'write':
      case 'touch':
      case 'break':
        if (step !== 'touch') this.files = { content: this.files.content + 1, isBad: step === 'break' };
        version.entry = entryOf(this.files, ++this.time);
        break;
      case 'follow':
        this.follow();
        break;
      case 'retry':
        version.retry();
        break;
      case 'evict':
        if (version.loaded && version.mayLeave(version.loaded)) void version.evict('for want of memory');
        break;
      case 'unload':
        void version.unload();
        break;
      default:
        void version.load(this.load);
    }
  }

  /** As the reconciler. */
  follow(): void {
    const { version } = this;
    if (version.state === 'UNLOADED' || version.state === 'DRAINING') return;
    if (version.hasChanged) void version.reload(this.load, this.digestOf);
    else void version.load(this.load);
  }

  /** Follows until nothing is under way any more. */
  async settle(): Promise<void> {
    for (let pass = 0; pass < 4; pass++) {
      this.follow();
      for (let quiet = 0; quiet < 3; quiet++) {
        await new Promise(setImmediate); // drains begin with a turn of the event loop
        for (; this.scheduler.count() > 0; quiet = 0) await this.scheduler.waitNext(1);
      }
    }
  }
}

describe('a version of a model', () => {
  it('ends as the last word says, and owns every load, in whatever order things happen', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 30 }),
        fc.boolean(),
        fc.boolean(),
        async (scheduler, steps, isRemoved, isChangedLast) => {
          const rig = new Rig(scheduler);
          const { version } = rig;
          const { task } = scheduler.scheduleSequence(
            steps.map((step) => ({
              label: step,
              builder: () => {
                rig.do(step);
                return Promise.resolve();
              },
            })),
          );
          await scheduler.waitFor(task);
          if (isRemoved) void version.dismiss();
          await rig.settle();
          if (isChangedLast) rig.do('write'); // is still seen
          await rig.settle();
          const kept = rig.loads.filter(({ released }) => released === 0);
          expect(rig.loads.filter(({ released }) => released > 1)).toEqual([]);
          if (isRemoved || rig.isExcluded) {
            expect([version.state, kept]).toEqual(['UNLOADED', []]);
          } else if (rig.files.isBad) {
            // What was good before may serve on: one that never loaded does not.
            expect([version.state, kept.length]).toEqual(kept.length === 0 ? ['FAILED', 0] : ['READY', 1]);
          } else {
            expect([version.state, kept]).toEqual(['READY', [{ content: rig.files.content, released: 0 }]]);
            expect(version.reason).toBeUndefined();
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
