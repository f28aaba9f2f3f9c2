import { didYouMean, sentence } from '../common/did-you-mean.js';
import { DomainError } from '../common/errors.js';
import { listed } from '../common/listed.js';
import { type Decision, withDecisions } from './decisions.js';
import { redactionWarnings } from './log-spec.js';
import { type Caching, cachingOf, type ModelSpec, selectVersions } from './model-file.js';
import { type ModelVersion } from './model-version.js';
import { isRange, satisfies } from './version-name.js';

/** Seconds after which a client may ask again for a model that is loading. */
const RETRY_AFTER_S = 1;

/** A model and its versions: which of them answers. */
export class Model {
  /** Whether its first loads are done: until then a higher version may be on its way. */
  isSettled = false;
  /** Version by label. */
  readonly labels: Readonly<Record<string, string>>;
  /** The version or label that answers where a request names none; without one the highest that serves. */
  readonly defaultName: string | undefined;
  readonly caching: Caching | undefined;

  constructor(
    readonly name: string,
    /** What its model.yaml says. */
    readonly spec: ModelSpec,
    /** From old to new. */
    readonly versions: readonly ModelVersion[],
    /** Why none of it can be served, or why its model.yaml is not in force. */
    readonly problem?: string,
    /** What its model.yaml says and is left out. */
    private readonly fileWarnings: readonly string[] = [],
    /** What operators decided: it wins over its model.yaml. */
    readonly decisions: readonly Decision[] = [],
  ) {
    const { default: defaultName, labels } = withDecisions(spec, decisions);
    this.defaultName = defaultName;
    this.labels = labels;
    this.caching = cachingOf(spec);
  }

  /** The version that answers where a request names none: the one that is decided, else the highest that serves. */
  get default(): ModelVersion | undefined {
    const name = this.defaultName;
    return name === undefined ? this.versions.findLast(({ canServe }) => canServe) : this.named(name);
  }

  /** The version of a name, or that a label means. */
  named(name: string): ModelVersion | undefined {
    return this.find(name) ?? this.byLabel(name);
  }

  /** Whether its model.yaml would have a version loaded without being asked. */
  isLoadedByFile(version: string): boolean {
    const all = this.versions.map((there) => there.version);
    return !this.isLazy && selectVersions(this.spec, all).includes(version);
  }

  /** The same model under other decisions. */
  under(decisions: readonly Decision[]): Model {
    const model = new Model(this.name, this.spec, this.versions, this.problem, this.fileWarnings, decisions);
    model.isSettled = this.isSettled;
    return model;
  }

  /** What its model.yaml or an operator says and cannot be followed now. */
  get warnings(): string[] {
    return [...this.fileWarnings, ...this.defaultWarnings(), ...this.labelWarnings(), ...this.logWarnings()];
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
    const { version: name, state } = version;
    if (selector === undefined && (state === 'UNLOADED' || state === 'DRAINING'))
      throw this.unavailable(`The default of ${this.name}, version ${name}, is not served.`);
    throw this.refusal(version);
  }

  /**
   * The version that a selector means, whether or not it can serve: an exact version, a label, `latest`, or a semver
   * range. Of several, the highest that can serve.
   *
   * @throws DomainError `version_not_found`, and `model_not_ready` while it is open which of several is the highest
   */
  lookup(selector: string): ModelVersion {
    const exact = this.named(selector);
    if (exact) return exact;
    const matching = selector === 'latest' ? this.versions : this.inRange(selector);
    const best = this.highestOf(matching) ?? matching.at(-1);
    if (best) return best;
    if (Object.hasOwn(this.labels, selector))
      throw this.notFound(
        `Label ${selector} of ${this.name} means version ${this.labels[selector]}, which is not there`,
      );
    throw this.notFound(`${this.name} has no version "${shown(selector)}"${didYouMean(selector, this.names())}`);
  }

  /** The failure of a call for a version that is not there. */
  missing(what: string, name: string, candidates: readonly string[]): DomainError {
    return new DomainError(
      'version_not_found',
      `${sentence(`${this.name} has no ${what} "${shown(name)}"${didYouMean(name, candidates)}`)} There are: ${listed(candidates)}.`,
    );
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
    return Object.entries(this.labels).flatMap(([label, labelled]) => (labelled === version ? [label] : []));
  }

  private defaultOrFail(): ModelVersion {
    const named = this.defaultName === undefined ? this.highestOf(this.versions) : this.default;
    if (named) return named;
    // One that waits until its folder is quiet, maybe.
    if (this.defaultName === undefined && !this.isLazy && this.versions.some(({ isPending }) => isPending))
      throw notReady(`${this.name} is still loading.`);
    throw this.unavailable(
      this.defaultName === undefined
        ? `No version of ${this.name} can serve.`
        : `The default of ${this.name}, ${this.defaultName}, is not there.`,
    );
  }

  private defaultWarnings(): string[] {
    if (this.defaultName === undefined) return [];
    const version = this.default;
    if (version && version.state !== 'UNLOADED' && version.state !== 'DRAINING') return [];
    const where = version ? 'is not served' : 'is not there';
    const by = origin(this.decisions.find(({ kind }) => kind === 'default'));
    return [`default ${this.defaultName}${by} ${where}: requests that name no version are refused`];
  }

  private labelWarnings(): string[] {
    return this.decisions.flatMap((decision) => {
      const { kind, name, value } = decision;
      if (kind !== 'label') return [];
      if (this.find(name)) return [`label ${name}${origin(decision)} is also the name of a version, which is meant`];
      return this.find(value) ? [] : [`label ${name}${origin(decision)} means version ${value}, which is not there`];
    });
  }

  /** None while a version may still turn out to have a feature of the name. */
  private logWarnings(): string[] {
    const { log } = this.spec;
    if (!log || this.versions.some(({ isPending }) => isPending)) return [];
    return redactionWarnings(log, this.versions.flatMap(({ loaded }) => loaded?.signature ?? [])); // prettier-ignore
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
    return Object.hasOwn(this.labels, label) ? this.find(this.labels[label] as string) : undefined;
  }

  private names(): string[] {
    return [...this.versions.map(({ version }) => version), ...Object.keys(this.labels), 'latest'];
  }

  private notFound(message: string): DomainError {
    const served = this.versions.filter(({ canServe }) => canServe).map(({ version }) => version);
    const labels = Object.keys(this.labels);
    const alsoBy = labels.length > 0 ? ` Labels: ${listed(labels)}.` : '';
    return new DomainError('version_not_found', `${sentence(message)} Served: ${listed(served)}.${alsoBy}`);
  }

  private unavailable(message: string): DomainError {
    return new DomainError('model_unavailable', `${message} GET /v1/models/${this.name} says why.`);
  }
}

function origin(decision: Decision | undefined): string {
  return decision ? `, decided by ${decision.who} at ${decision.at},` : '';
}

function notReady(message: string): DomainError {
  return new DomainError('model_not_ready', message, { retryAfter: RETRY_AFTER_S });
}

function shown(selector: string): string {
  return selector.length > 64 ? `${selector.slice(0, 64)}…` : selector;
}
