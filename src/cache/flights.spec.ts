import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Caller, patientCaller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Crew } from './crew.js';
import { Flights } from './flights.js';

/** A run that a test lets end. */
interface Run {
  keys: readonly string[];
  /** Rows of the request that it was begun for. */
  asked: number;
  crew: Crew;
  end(isWell: boolean): void;
  isOver: boolean;
}

interface Asker {
  caller: Caller & { hasLeft: boolean };
  keys: readonly string[];
  /** The runs that it takes part in. */
  runs: Set<Run>;
  own: Run | undefined;
  outcome?: (string | undefined)[] | Error;
  shared: number;
}

/** Flights, and all that was asked of them. */
class Airport {
  readonly flights = new Flights<string>();
  readonly runs: Run[] = [];
  readonly askers: Asker[] = [];

  async ask(keys: readonly string[], deadline = Infinity): Promise<Asker> {
    const caller = { ...patientCaller(), deadline };
    const asker: Asker = { caller, keys, runs: new Set(), own: undefined, shared: 0 };
    this.askers.push(asker);
    const answered = this.flights.bring({
      keys,
      caller,
      maxAgeMs: Infinity,
      begin: (rows, crew) => {
        const { promise, resolve, reject } = Promise.withResolvers<string[]>();
        const own = rows.map((row) => keys[row] as string);
        const run: Run = {
          keys: own,
          asked: keys.length,
          crew,
          isOver: false,
          end: (isWell) => {
            run.isOver = true;
            if (isWell) resolve(own.map((key) => `answer to ${key}`));
            else reject(new Error(`run ${String(this.runs.indexOf(run))} failed`));
          },
        };
        this.runs.push(run);
        asker.own = run;
        return promise;
      },
      onShared: (rows) => (asker.shared += rows),
    });
    answered.then(
      (outcome) => (asker.outcome = outcome),
      (error: unknown) => (asker.outcome = error as Error),
    );
    await settle();
    return asker;
  }

  get underWay(): Run[] {
    return this.runs.filter(({ isOver }) => !isOver);
  }
}

const settle = () => new Promise(setImmediate);

describe('Flights', () => {
  it('keeps its promises, whoever asks for what, and whatever fails', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd');
    const action = fc.oneof(
      fc.record({ ask: fc.array(key, { minLength: 1, maxLength: 5 }) }),
      fc.record({ end: fc.nat(), isWell: fc.boolean() }),
      fc.record({ leaves: fc.nat() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
        const airport = new Airport();
        for (const one of actions) {
          const { underWay } = airport;
          if ('ask' in one) {
            const asker = await airport.ask(one.ask);
            const own = asker.own?.keys ?? [];
            const left = [...new Set(one.ask)].filter((wanted) => own.includes(wanted));
            expect(own).toEqual(left); // each once, in their order
            for (const wanted of one.ask) {
              const all = airport.runs.filter((run) => run !== asker.own && run.keys.includes(wanted));
              const suiting = all.filter((run) => underWay.includes(run) && run.asked <= one.ask.length);
              if (suiting.length === 0) expect(own).toContain(wanted);
              else if (suiting.at(-1) === all.at(-1)) expect(own).not.toContain(wanted);
            }
            expect(asker.shared).toBe(one.ask.length - left.length);
          } else if ('end' in one && underWay.length > 0) {
            underWay[one.end % underWay.length]?.end(one.isWell);
            await settle();
          } else if ('leaves' in one && airport.askers.length > 0) {
            const { caller } = airport.askers[one.leaves % airport.askers.length] as Asker;
            caller.hasLeft = true;
          }
          for (const run of airport.underWay) {
            const waiting = airport.askers.filter(({ outcome, own, keys }) => !outcome && (own === run || keys.some((k) => run.keys.includes(k)))); // prettier-ignore
            if (!run.crew.hasLeft) expect(waiting.some(({ caller }) => !caller.hasLeft)).toBe(true);
            if (airport.askers.some((asker) => asker.own === run && !asker.outcome && !asker.caller.hasLeft))
              expect(run.crew.hasLeft).toBe(false);
          }
        }
        for (const run of airport.underWay) run.end(true);
        await settle();
        for (const { outcome, keys, own } of airport.askers) {
          if (outcome instanceof Error) {
            // Only by its own run.
            expect(outcome.message).toBe(`run ${String(airport.runs.indexOf(own as Run))} failed`);
            continue;
          }
          for (const [row, wanted] of keys.entries()) {
            if (own?.keys.includes(wanted)) expect(outcome?.[row]).toBe(`answer to ${wanted}`);
            else expect([`answer to ${wanted}`, undefined]).toContain(outcome?.[row]);
          }
        }
        // Nothing is left behind: the next one begins a run of its own.
        expect((await airport.ask(['a', 'b', 'c', 'd'])).own?.keys).toEqual(['a', 'b', 'c', 'd']);
      }),
      { numRuns: 300 },
    );
  });

  it('a run goes on for who joined it, after who began it has left or has no more time', async () => {
    const airport = new Airport();
    const hasty = await airport.ask(['a'], performance.now() + 30);
    const joined = await airport.ask(['a']);
    const [run] = airport.runs;
    expect(airport.runs).toHaveLength(1);
    hasty.caller.hasLeft = true;
    expect([run?.crew.hasLeft, run?.crew.deadline]).toEqual([false, Infinity]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(hasty.outcome).toBeInstanceOf(DomainError);
    expect((hasty.outcome as DomainError).code).toBe('deadline_exceeded');
    run?.end(true);
    await settle();
    expect(joined.outcome).toEqual(['answer to a']);
  });

  it('a run is given up once nobody waits for it any more', async () => {
    const airport = new Airport();
    const one = await airport.ask(['a'], performance.now() + 300);
    const other = await airport.ask(['a']);
    const [run] = airport.runs;
    other.caller.hasLeft = true;
    expect(run?.crew.hasLeft).toBe(false);
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(one.outcome).toBeInstanceOf(Error);
    expect(run?.crew.hasLeft).toBe(true);
  });

  it('who joins is told what the run took, each once', async () => {
    const airport = new Airport();
    const askers = [await airport.ask(['a']), await airport.ask(['a', 'a'])];
    const [run] = airport.runs;
    Object.assign(run?.crew as Crew, { queueMs: 3, runMs: 5 });
    run?.end(true);
    await settle();
    for (const { caller } of askers) expect(caller).toMatchObject({ queueMs: 3, runMs: 5 });
  });
});
