import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PinoLogger } from 'nestjs-pino';
import { firstLine } from '../common/errors.js';
import { type ModelSpec } from './model-file.js';

export const DECISION_KINDS = ['default', 'label', 'version'] as const;
export type DecisionKind = (typeof DECISION_KINDS)[number];

/** What a decision is about. */
export interface DecisionKey {
  model: string;
  kind: DecisionKind;
  /** The label, or the version; empty for the default. */
  name: string;
}

/** What an operator decided for a model; it wins over what model.yaml says. */
export interface Decision extends DecisionKey {
  /** Of the default a version or a label; of a label its version; of a version `load` or `unload`. */
  value: string;
  /** When, as ISO 8601. */
  at: string;
  who: string;
}

/** A decision to be made. */
export interface Change {
  key: DecisionKey;
  /** Without one, what the file says is in force again. */
  value: string | undefined;
}

/** The port to where decisions are kept, for all processes and replicas. */
export abstract class DecisionStore {
  /** @throws DomainError `dependency_unavailable` */
  abstract read(): Promise<readonly Decision[]>;

  /** Keeps a decision in place of the one of the same key. @throws DomainError `dependency_unavailable` */
  abstract put(decision: Decision): Promise<void>;

  /** Forgets a decision, if there is one. @throws DomainError `dependency_unavailable` */
  abstract remove(key: DecisionKey): Promise<void>;
}

/** The decisions in force: those that are kept, as they were last read. */
@Injectable()
export class Decisions implements OnApplicationShutdown {
  private known: readonly Decision[] = [];
  private isAway = false;
  private isClosed = false;

  constructor(
    private readonly store: DecisionStore,
    private readonly logger: PinoLogger,
  ) {}

  /** The database closes next: a look that is under way fails, and that is no news. */
  onApplicationShutdown(): void {
    this.isClosed = true;
  }

  of(model: string): readonly Decision[] {
    return this.known.filter((decision) => decision.model === model);
  }

  /** Reads what is kept now. @throws DomainError `dependency_unavailable`; what was known stays in force */
  async read(): Promise<void> {
    try {
      this.known = await this.store.read();
    } catch (error) {
      if (!this.isAway && !this.isClosed)
        this.logger.error(`Admin decisions cannot be read: ${firstLine(error)} ${this.inForce}`);
      this.isAway = true;
      throw error;
    }
    if (this.isAway) this.logger.info('Admin decisions can be read again, and are in force.');
    this.isAway = false;
  }

  /** Keeps a decision, or forgets it where it has no value. @throws DomainError `dependency_unavailable` */
  async write({ key, value }: Change, who: string): Promise<void> {
    const others = this.known.filter((decision) => !isSame(decision, key));
    if (value === undefined) {
      await this.store.remove(key);
      this.known = others;
    } else {
      const decision = { ...key, value, at: new Date().toISOString(), who };
      await this.store.put(decision);
      this.known = [...others, decision];
    }
  }

  private get inForce(): string {
    return this.known.length > 0
      ? 'Those that were read before stay in force.'
      : 'What model.yaml says is in force until they can be.';
  }
}

export function isSame(a: DecisionKey, b: DecisionKey): boolean {
  return a.model === b.model && a.kind === b.kind && a.name === b.name;
}

/** What was decided of a version, if anything was. */
export function decisionOn(version: string, decisions: readonly Decision[]): Decision | undefined {
  return decisions.find(({ kind, name }) => kind === 'version' && name === version);
}

/** A model's default and labels: what was decided, else what its file says. */
export function withDecisions(
  spec: ModelSpec,
  decisions: readonly Decision[],
): { default: string | undefined; labels: Record<string, string> } {
  const decided = decisions.filter(({ kind }) => kind === 'label').map(({ name, value }) => [name, value]);
  return {
    default: decisions.find(({ kind }) => kind === 'default')?.value ?? spec.default,
    labels: Object.fromEntries([...Object.entries(spec.labels ?? {}), ...decided]) as Record<string, string>,
  };
}
