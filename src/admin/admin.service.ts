import { Injectable } from '@nestjs/common';
import { type Caller, beforeDeadline } from '../common/caller.js';
import { DomainError } from '../common/errors.js';
import { type ModelEvent } from '../history/event.js';
import { type DecisionKey, decisionOn, isSame } from '../registry/decisions.js';
import { type Model } from '../registry/model.js';
import { ModelRegistry } from '../registry/model-registry.js';
import { type ModelVersion } from '../registry/model-version.js';
import { Peers } from '../registry/peers.js';
import { type Deciding, Reconciler } from '../registry/reconciler.js';
import { isValidName } from '../registry/version-name.js';

/** Who decides where AUTH is off: someone on the same machine. */
const LOCAL = 'local';

/** Takes operators' decisions. Each is kept before it is in force, and in force before its call returns. */
@Injectable()
export class AdminService {
  constructor(
    private readonly registry: ModelRegistry,
    private readonly reconciler: Reconciler,
    private readonly peers: Peers,
  ) {}

  /**
   * Has a version served, whatever `versions` in model.yaml says, and waits until it is READY. A lazy one is loaded
   * now and stays; one that FAILED is tried again. Where its model.yaml would have it loaded anyway, no decision is
   * kept: it then follows the file again.
   *
   * @throws DomainError `model_unavailable` with the reason when it cannot be loaded, `deadline_exceeded` when the
   *   caller's time is up before: the load goes on then
   */
  async load(name: string, versionName: string, caller: Caller): Promise<ModelVersion> {
    await this.decide(name, caller, (model) => {
      const { state } = versionOf(model, versionName);
      const before = decisionOn(versionName, model.decisions)?.value;
      const after = model.isLoadedByFile(versionName) ? undefined : 'load';
      const event = { kind: 'load', model: name, version: versionName, from: state, to: 'READY' } as const;
      if (before === after) return state === 'FAILED' ? { event } : undefined;
      return { event, key: { model: name, kind: 'version', name: versionName }, value: after };
    });
    const version = versionOf(this.registry.model(name, caller), versionName);
    const everywhere = Promise.all([
      this.reconciler.load(version),
      this.peers.adopt({ model: name, version: versionName }),
    ]);
    await beforeDeadline(everywhere, caller, `${name} ${versionName} was loaded; its load goes on`);
    const { state, reason } = version;
    if (state === 'READY') return version;
    const why = reason === undefined ? `it is ${state} now` : `${state}, ${reason}`;
    throw new DomainError('model_unavailable', `Version ${versionName} of ${name} is not served: ${why}.`);
  }

  /**
   * Takes a version out of service until it is loaded by a call, and waits until its memory is given back.
   *
   * @param force false refuses to unload the version that answers where a request names none; true does it
   * @throws DomainError `conflict`, `deadline_exceeded`: it takes no requests any more then, and still answers some
   */
  async unload(name: string, versionName: string, force: boolean, caller: Caller): Promise<ModelVersion> {
    await this.decide(name, caller, (model) => {
      const version = versionOf(model, versionName);
      const from = decisionOn(versionName, model.decisions)?.value;
      if (from === 'unload') return undefined;
      if (!force && version === model.default && (version.canServe || version.isPending)) {
        const what = `Version ${versionName} is the default of ${name}: requests that name no version would lose it`;
        throw new DomainError('conflict', `${what}. Set another default first, or say ?force=true.`);
      }
      const { state } = version;
      const event = { kind: 'unload', model: name, version: versionName, from: state, to: 'UNLOADED' } as const;
      return { event, key: { model: name, kind: 'version', name: versionName }, value: 'unload' };
    });
    const version = versionOf(this.registry.model(name, caller), versionName);
    const everywhere = Promise.all([version.idle(), this.peers.adopt({ model: name, version: versionName })]);
    await beforeDeadline(everywhere, caller, `${name} ${versionName} had answered what it had taken on`);
    return version;
  }

  /**
   * Sets what answers where a request names no version: a version, or a label, which is followed when it moves.
   *
   * @param force false refuses one that cannot serve now; true takes it, and requests are refused until it can
   * @throws DomainError `version_not_found`, `model_not_ready` while it loads, `conflict`
   */
  setDefault(name: string, value: string, force: boolean, caller: Caller): Promise<Model> {
    return this.change({ model: name, kind: 'default', name: '' }, value, force, caller, (model) => {
      const version = model.named(value);
      if (version) return version;
      const known = [...model.versions.map(({ version }) => version), ...Object.keys(model.labels)];
      throw model.missing('version or label', value, known);
    });
  }

  /** Returns to the default that model.yaml says. @throws DomainError `conflict` when that one cannot serve */
  resetDefault(name: string, force: boolean, caller: Caller): Promise<Model> {
    return this.change({ model: name, kind: 'default', name: '' }, undefined, force, caller);
  }

  /**
   * Has a label mean a version.
   *
   * @throws DomainError as setDefault; `validation_failed` when it is no name, or taken
   */
  setLabel(name: string, label: string, value: string, force: boolean, caller: Caller): Promise<Model> {
    return this.change({ model: name, kind: 'label', name: label }, value, force, caller, (model) => {
      checkLabel(model, label);
      return versionOf(model, value);
    });
  }

  /** Returns to what model.yaml says of a label. @throws DomainError `conflict` when the default needs it */
  resetLabel(name: string, label: string, force: boolean, caller: Caller): Promise<Model> {
    return this.change({ model: name, kind: 'label', name: label }, undefined, force, caller);
  }

  /** @param target the version that the new value means */
  private async change(
    key: DecisionKey & { kind: 'default' | 'label' },
    value: string | undefined,
    force: boolean,
    caller: Caller,
    target?: (model: Model) => ModelVersion,
  ): Promise<Model> {
    await this.decide(key.model, caller, (model) => {
      const version = target?.(model);
      const before = model.decisions.find((decision) => isSame(decision, key));
      if (before?.value === value) return undefined;
      if (!force && version) checkServes(model, version);
      const others = model.decisions.filter((decision) => decision !== before);
      const after = model.under(value === undefined ? others : [...others, { ...key, value, at: '', who: LOCAL }]);
      if (!force && model.serves && !after.serves) throw leavesNoDefault(model);
      return { event: eventOf(model, after, key), key, value };
    });
    const everywhere = this.peers.adopt({ model: key.model });
    await beforeDeadline(
      everywhere,
      caller,
      'all worker processes had taken the change over; it is kept, and they will',
    );
    return this.registry.model(key.model, caller);
  }

  /** Has a change decided in the caller's name. @throws DomainError `forbidden` before the database is asked anything */
  private async decide(name: string, caller: Caller, decide: (model: Model) => Deciding | undefined): Promise<void> {
    caller.principal?.checkModel(name);
    await this.reconciler.decide(caller.principal?.name ?? LOCAL, () => decide(this.registry.model(name, caller)));
  }
}

function eventOf(before: Model, after: Model, { kind, name }: DecisionKey & { kind: 'default' | 'label' }): ModelEvent {
  const { name: model, defaultName: from } = before;
  if (kind === 'default') return { kind, model, from, to: after.defaultName };
  return { kind, model, label: name, from: labelled(before, name), to: labelled(after, name) };
}

/** A label may have the name of what every object inherits. */
function labelled({ labels }: Model, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

/** @throws DomainError `version_not_found` listing those that there are: a change is never made to what was not meant */
function versionOf(model: Model, name: string): ModelVersion {
  const version = model.find(name);
  if (version) return version;
  throw model.missing(
    'version',
    name,
    model.versions.map((there) => there.version),
  );
}

/** @throws DomainError `validation_failed` */
function checkLabel(model: Model, label: string): void {
  if (!isValidName(label))
    throw new DomainError('validation_failed', 'A label is 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot.');
  if (label === 'latest')
    throw new DomainError('validation_failed', 'The label `latest` is taken: it always means the highest version.');
  if (model.find(label))
    throw new DomainError(
      'validation_failed',
      `The label ${label} is taken: ${model.name} has a version of that name.`,
    );
}

/** Whoever rolls back in a hurry must not make it worse: what cannot serve is refused, with the reason. */
function checkServes(model: Model, version: ModelVersion): void {
  if (version.canServe) return;
  if (version.isPending) throw model.refusal(version);
  const why = version.reason === undefined ? '' : ` (${version.reason})`;
  throw new DomainError(
    'conflict',
    `Version ${version.version} of ${model.name} is ${version.state}${why} and cannot serve. ` +
      'Have it loaded first (POST …/load), or say ?force=true.',
  );
}

function leavesNoDefault({ name }: Model): DomainError {
  const what = `Without it the default of ${name} is none that can serve, and requests that name no version are refused`;
  return new DomainError('conflict', `${what}. Set another default first, or say ?force=true.`);
}
