import { didYouMean } from '../common/did-you-mean.js';
import { DomainError } from '../common/errors.js';
import { listed } from '../common/listed.js';
import { type ModelSpec } from './model-file.js';
import { type ModelVersion } from './model-version.js';
import { isRange, satisfies } from './version-name.js';

/** Seconds after which a client may ask again for a model that is loading. */
const RETRY_AFTER_S = 1;

/** A model and its versions: which of them answers. */
export class Model {
  /** Whether its first loads are done: until then a higher version may be on its way. */
  isSettled = false;

  constructor(
    readonly name: string,
    readonly spec: ModelSpec,
    /** From old to new. */
    readonly versions: readonly ModelVersion[],
    /** Why none of it can be served. */
    readonly problem?: string,
    /** What its model.yaml says and is left out. */
    readonly warnings: readonly string[] = [],
  ) {}

  /** The version that answers where a request names none: what model.yaml says, else the highest that serves. */
  get default(): ModelVersion | undefined {
    const name = this.spec.default;
    return name === undefined
      ? this.versions.findLast(({ canServe }) => canServe)
      : (this.find(name) ?? this.byLabel(name));
  }

  get isLazy(): boolean {
    return this.spec.load === 'lazy';
  }

  /** Whether a request that names no version gets an answer. */
  get serves(): boolean {
    return this.default?.canServe ?? false;
  }

  /**
   * The version that answers: the one that a selector means, else the default.
   *
   * @throws DomainError `version_not_found` listing what is served, `model_not_ready`, `model_unavailable`
   */
  select(selector?: string): ModelVersion {
    const version = selector === undefined ? this.defaultOrFail() : this.lookup(selector);
    if (version.canServe) return version;
    throw this.refusal(version);
  }

  /**
   * The version that a selector means, whether or not it can serve: an exact version, a label, `latest`, or a semver
   * range. Of several, the highest that can serve.
   *
   * @throws DomainError `version_not_found`, and `model_not_ready` while it is open which of several is the highest
   */
  lookup(selector: string): ModelVersion {
    const exact = this.find(selector) ?? this.byLabel(selector);
    if (exact) return exact;
    const matching = selector === 'latest' ? this.versions : this.inRange(selector);
    const best = this.highestOf(matching) ?? matching.at(-1);
    if (best) return best;
    throw this.notFound(`${this.name} has no version "${shown(selector)}"${didYouMean(selector, this.names())}`);
  }

  /** Why a version does not answer. */
  refusal({ version, state }: ModelVersion): DomainError {
    switch (state) {
      case 'DISCOVERED':
      case 'LOADING':
      case 'CHECKING':
        return notReady(`Version ${version} of ${this.name} is still loading.`);
      case 'UNLOADED':
      case 'DRAINING':
        return this.notFound(`Version ${version} of ${this.name} is not served`);
      default:
        return this.unavailable(`Version ${version} of ${this.name} failed to load.`);
    }
  }

  find(version: string): ModelVersion | undefined {
    return this.versions.find((candidate) => candidate.version === version);
  }

  labelsOf(version: string): string[] {
    return Object.entries(this.spec.labels ?? {}).flatMap(([label, labelled]) => (labelled === version ? [label] : []));
  }

  private defaultOrFail(): ModelVersion {
    const named = this.spec.default === undefined ? this.highestOf(this.versions) : this.default;
    if (named) return named;
    throw this.unavailable(`No version of ${this.name} can serve.`);
  }

  private inRange(selector: string): readonly ModelVersion[] {
    return isRange(selector) ? this.versions.filter(({ version }) => satisfies(version, selector)) : [];
  }

  /** @throws DomainError `model_not_ready` while one of them is loading: only then is it known which is the highest */
  private highestOf(candidates: readonly ModelVersion[]): ModelVersion | undefined {
    if (!this.isSettled && !this.isLazy && candidates.some(({ isPending }) => isPending))
      throw notReady(`${this.name} is still loading.`);
    return candidates.findLast(({ canServe }) => canServe);
  }

  private byLabel(label: string): ModelVersion | undefined {
    const labels = this.spec.labels ?? {};
    return Object.hasOwn(labels, label) ? this.find(labels[label] as string) : undefined;
  }

  private names(): string[] {
    return [...this.versions.map(({ version }) => version), ...Object.keys(this.spec.labels ?? {}), 'latest'];
  }

  private notFound(message: string): DomainError {
    const served = this.versions.filter(({ canServe }) => canServe).map(({ version }) => version);
    const end = message.endsWith('?') ? ' ' : '. ';
    return new DomainError('version_not_found', `${message}${end}Served: ${listed(served)}.`);
  }

  private unavailable(message: string): DomainError {
    return new DomainError('model_unavailable', `${message} GET /v1/models/${this.name} says why.`);
  }
}

function notReady(message: string): DomainError {
  return new DomainError('model_not_ready', message, { retryAfter: RETRY_AFTER_S });
}

function shown(selector: string): string {
  return selector.length > 64 ? `${selector.slice(0, 64)}…` : selector;
}
