import { Injectable } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type Model } from '../registry/model.js';
import { selectVersions } from '../registry/model-file.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { type ModelVersion, type VersionState } from '../registry/model-version.js';
import { AdminService } from './admin.service.js';

/** The protocol's words for the state of a version. */
export const REPOSITORY_STATES = ['UNKNOWN', 'READY', 'UNAVAILABLE', 'LOADING', 'UNLOADING'] as const;
export type RepositoryState = (typeof REPOSITORY_STATES)[number];

/** One version of a model; or a model that has none, and why. */
export interface RepositoryEntry {
  name: string;
  version?: string;
  state: RepositoryState;
  /** Empty where there is nothing to say. */
  reason: string;
}

const STATES: Readonly<Record<VersionState, RepositoryState>> = {
  DISCOVERED: 'LOADING',
  LOADING: 'LOADING',
  CHECKING: 'LOADING',
  READY: 'READY',
  DRAINING: 'UNLOADING',
  UNLOADED: 'UNAVAILABLE',
  FAILED: 'UNAVAILABLE',
};

/** The protocol's model repository extension: what there is, and whole models in and out of service. */
@Injectable()
export class RepositoryService {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly admin: AdminService,
  ) {}

  /** @param readyOnly true leaves out what does not answer now; false shows everything */
  index(readyOnly: boolean, caller: Caller): RepositoryEntry[] {
    const entries = this.registry.visibleTo(caller).flatMap(entriesOf);
    return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
  }

  /**
   * Has a model served: each version that its model.yaml asks for is loaded, also one that was unloaded or FAILED.
   * Resolves when all of them are READY.
   *
   * @param parameters names of what is to be different from what the folder says: there is nothing of the kind
   * @throws DomainError `validation_failed`, `model_not_found`; `model_unavailable` with the reason of the first that
   *   cannot be loaded, when the others are; as AdminService.load
   */
  async load(name: string, parameters: readonly string[], caller: Caller): Promise<void> {
    const { spec, versions, problem } = this.registry.model(name, caller);
    if (parameters.length > 0) {
      const message = 'A model is loaded as its folder has it: send no parameters, and change its files instead.';
      throw new DomainError('validation_failed', message);
    }
    const wanted = selectVersions(spec, versions.map(({ version }) => version)); // prettier-ignore
    if (wanted.length === 0)
      throw new DomainError('model_unavailable', `${name} has no version: ${problem ?? 'its folder is empty'}.`);
    await allOf(wanted.map((version) => this.admin.load(name, version, caller)));
  }

  /**
   * Takes all versions of a model out of service, until they are loaded by a call. Resolves when their memory is free.
   *
   * @throws DomainError `model_not_found`; as AdminService.unload
   */
  async unload(name: string, caller: Caller): Promise<void> {
    const { versions } = this.registry.model(name, caller);
    await allOf(versions.map(({ version }) => this.admin.unload(name, version, true, caller)));
  }
}

function entriesOf({ name, problem, versions }: Model): RepositoryEntry[] {
  if (versions.length === 0) return [{ name, state: 'UNAVAILABLE', reason: problem ?? 'has no versions' }];
  return versions.map((version) => ({ name, version: version.version, ...stateOf(version) }));
}

/** One that the first request loads is as good as loaded: clients ask before they send it. */
function stateOf({ state, reason = '', canServe }: ModelVersion): Pick<RepositoryEntry, 'state' | 'reason'> {
  if (canServe && state === 'DISCOVERED') return { state: 'READY', reason: reason || 'loaded by its first request' };
  return { state: canServe ? 'READY' : STATES[state], reason };
}

/** Waits for all of them, whatever becomes of some. @throws what the first threw */
async function allOf(changes: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(changes);
  const failed = outcomes.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}
