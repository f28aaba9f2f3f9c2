import { Injectable } from '@nestjs/common';
import { type Caller } from '../common/caller.js';
import { didYouMean, sentence } from '../common/did-you-mean.js';
import { DomainError } from '../common/errors.js';
import { listed } from '../common/listed.js';
import { Settings } from '../config/settings.js';
import { type LoadedVersion } from './loaded-version.js';
import { type LogSpec } from './log-spec.js';
import { type Model } from './model.js';
import { type Caching } from './model-file.js';
import { type ModelVersion } from './model-version.js';
import { VersionLoader } from './version-loader.js';
import { type VersionFigures } from './version-statistics.js';

/** What a request says of the model and version that it wants. */
export interface Target {
  /** Without one, the default model. */
  model?: string | undefined;
  /** The version in the path. */
  pathVersion?: string | undefined;
  /** The X-Model-Version header: exact, label, `latest`, or a range. */
  headerVersion?: string | undefined;
}

/** The version that answers a request, in memory. */
export interface Resolved {
  model: string;
  version: string;
  loaded: LoadedVersion;
  caching: Caching | undefined;
  /** Where its predictions are kept: what of them. */
  log: LogSpec | undefined;
}

/** What is loaded, and which of it answers a request. The reconciler fills it. */
@Injectable()
export class ModelRegistry {
  private models = new Map<string, Model>();
  /** The model that answers /predict: the one that is set, else the only one, else the primary one. */
  defaultModel: Model | undefined;
  /** Grows with each change of what is served; whoever derives something from the registry keeps it by this number. */
  revision = 0;
  /** Whether the first loads are done. */
  isSettled = false;

  constructor(
    private readonly settings: Settings,
    private readonly loader: VersionLoader,
  ) {}

  list(): readonly Model[] {
    return [...this.models.values()];
  }

  /** Those that a caller may know of. */
  visibleTo({ principal }: Caller): readonly Model[] {
    return principal ? this.list().filter(({ name }) => principal.mayUse(name)) : this.list();
  }

  replace(models: readonly Model[]): void {
    this.models = new Map(models.map((model) => [model.name, model]));
    const { DEFAULT_MODEL } = this.settings;
    const only = models.length === 1 ? models[0] : models.find(({ spec }) => spec.primary);
    this.defaultModel = DEFAULT_MODEL === undefined ? only : this.models.get(DEFAULT_MODEL);
    this.changed();
  }

  /** What each version that is there has done. */
  statistics(): readonly VersionFigures[] {
    return this.list().flatMap(({ versions }) => versions.map(({ statistics }) => statistics));
  }

  changed(): void {
    this.revision++;
  }

  find(name: string): Model | undefined {
    return this.models.get(name);
  }

  /**
   * A model, for somebody who asks for it: no transport has to remember who may.
   *
   * @throws DomainError `forbidden`, whether or not there is one; `model_not_found` listing the models
   */
  model(name: string, caller: Caller): Model {
    caller.principal?.checkModel(name);
    const model = this.models.get(name);
    if (model) return model;
    const known = this.visibleTo(caller).map((there) => there.name);
    const missing = sentence(`There is no model "${name.slice(0, 64)}"${didYouMean(name, known)}`);
    throw new DomainError('model_not_found', `${missing} Served: ${this.served(caller)}.`);
  }

  /**
   * The version that answers a request; a promise only where it is lazy and must be loaded first.
   *
   * @throws DomainError as `model` and Model.select, and `version_conflict` when path and header disagree
   */
  resolve(target: Target, caller: Caller): Resolved | Promise<Resolved> {
    const model = target.model === undefined ? this.defaultFor(caller) : this.model(target.model, caller);
    const version = chooseVersion(model, target);
    const { loaded } = version;
    if (!loaded) return this.loadFirst(target, caller, model, version);
    return { model: model.name, version: version.version, loaded, caching: model.caching, log: model.spec.log };
  }

  private async loadFirst(target: Target, caller: Caller, model: Model, version: ModelVersion): Promise<Resolved> {
    const loaded = await version.load(this.loader.load);
    // It may have to leave again at once: it answers who has waited for it all the same.
    if (loaded)
      return { model: model.name, version: version.version, loaded, caching: model.caching, log: model.spec.log };
    return this.resolve(target, caller); // where that failed, another version may be meant now, or the refusal says why
  }

  private defaultFor(caller: Caller): Model {
    const model = this.defaultModel;
    if (model) {
      caller.principal?.checkModel(model.name);
      return model;
    }
    const { DEFAULT_MODEL } = this.settings;
    const why =
      DEFAULT_MODEL === undefined ? 'There is no default model' : `The default model "${DEFAULT_MODEL}" does not exist`;
    throw new DomainError(
      'model_not_found',
      `${why}. Ask for a model at /v1/models/{model}/predict. Served: ${this.served(caller)}.`,
    );
  }

  private served(caller: Caller): string {
    return listed(this.visibleTo(caller).flatMap(({ name, serves }) => (serves ? [name] : [])));
  }
}

function chooseVersion(model: Model, { pathVersion, headerVersion }: Target): ModelVersion {
  if (pathVersion === undefined) return model.select(headerVersion);
  const version = model.lookup(pathVersion);
  if (headerVersion !== undefined && headerVersion !== pathVersion && !means(model, headerVersion, version)) {
    throw new DomainError(
      'version_conflict',
      `The path asks for version ${version.version} and the X-Model-Version header for another: send one of them.`,
    );
  }
  if (version.canServe) return version;
  throw model.refusal(version);
}

function means(model: Model, selector: string, version: ModelVersion): boolean {
  try {
    return model.lookup(selector) === version;
  } catch {
    return false;
  }
}
