import { mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExpectedModel } from './support/expected-model.js';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { ServiceProcess } from './support/process.js';
import { Service } from './support/service.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';
const VERSIONS = ['1.0.0', '2.0.0', '3.0.0'];
const LABELS = ['stable', 'canary'];
const PATIENCE_MS = 10_000;

interface Server {
  url: string;
  /** Ends it as hard as it can. */
  end: () => Promise<void>;
}

const version = fc.constantFrom(...VERSIONS);
const label = fc.constantFrom(...LABELS);
const name = fc.constantFrom(...VERSIONS, ...LABELS, '9.9.9');
const force = fc.boolean();
const decision = fc.oneof(
  fc.record({ do: fc.constant('default' as const), value: name, force }),
  fc.record({ do: fc.constant('label' as const), label, value: name, force }),
  fc.record({ do: fc.constantFrom('resetDefault' as const), force }),
  fc.record({ do: fc.constantFrom('resetLabel' as const), label, force }),
  fc.record({ do: fc.constant('load' as const), version }),
  fc.record({ do: fc.constant('unload' as const), version, force }),
);
const change = fc.oneof(
  fc.record({ do: fc.constant('publish' as const), version, isBad: fc.constantFrom(false, false, false, true) }),
  fc.record({ do: fc.constant('remove' as const), version }),
  fc.record({
    do: fc.constant('edit' as const),
    default: fc.option(name),
    labels: fc.dictionary(label, version),
    versions: fc.option(fc.subarray(VERSIONS, { minLength: 1 })),
  }),
);
const burst = fc.record({ do: fc.constant('burst' as const), steps: fc.array(fc.oneof(decision, change), { minLength: 2, maxLength: 8 }) }); // prettier-ignore
const kill = fc.record({ do: fc.constant('kill' as const) });

type Decision = typeof decision extends fc.Arbitrary<infer T> ? T : never;
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;
type Step = Decision | Change | { do: 'kill' } | { do: 'burst'; steps: (Decision | Change)[] };

/** The service beside the model of what it should do. */
class Trial {
  private weight = 1;
  readonly expected = new ExpectedModel();

  constructor(
    readonly folder: ModelFolder,
    private readonly startServer: () => Promise<Server>,
    public server: Server,
  ) {}

  async step(step: Step): Promise<void> {
    const { expected } = this;
    switch (step.do) {
      case 'publish':
      case 'remove':
      case 'edit':
        await this.change(step);
        break;
      case 'kill':
        await this.server.end();
        this.server = await this.startServer();
        expected.restart();
        break;
      case 'burst':
        await this.burst(step.steps);
        break;
      default: {
        const wanted = this.decide(step);
        expect([step, await this.send(step)]).toEqual([step, wanted]);
        if (wanted === 200) expect([step, await this.found()]).toEqual([step, this.wanted()]); // it is in force by now
      }
    }
    expected.settle();
    await this.compare(step);
  }

  /** Waits until the service is as it should be: files are followed in a while. */
  async compare(step: Step): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const [found, wanted] = [await this.found(), this.wanted()];
      if (JSON.stringify(found) === JSON.stringify(wanted)) return;
      if (performance.now() > deadline) expect([step, found]).toEqual([step, wanted]);
      await sleep(20);
    }
  }

  /** Makes a decision in the model. @returns the status that its call must have */
  private decide(step: Decision): number {
    const { expected } = this;
    const serves = () => expected.defaultVersion !== undefined && expected.canServe(expected.defaultVersion);
    const set = (key: string, value: string | undefined) => {
      const [before, did] = [expected.decisions.get(key), serves()];
      if (before === value) return 200;
      if (value === undefined) expected.decisions.delete(key);
      else expected.decisions.set(key, value);
      if (('force' in step && step.force) || !did || serves()) return 200;
      if (before === undefined) expected.decisions.delete(key);
      else expected.decisions.set(key, before);
      return 409;
    };
    switch (step.do) {
      case 'default':
      case 'label': {
        const key = step.do === 'default' ? 'default/' : `label/${step.label}`;
        const isThere = expected.files.has(step.value) || (step.do === 'default' && expected.files.has(expected.labels[step.value] ?? '')); // prettier-ignore
        if (!isThere) return 404;
        const isSame = expected.decisions.get(key) === step.value;
        return isSame || step.force || expected.canServe(step.value) ? set(key, step.value) : 409;
      }
      case 'resetDefault':
        return set('default/', undefined);
      case 'resetLabel':
        return set(`label/${step.label}`, undefined);
      case 'load':
        if (!expected.files.has(step.version)) return 404;
        if (expected.isLoadedByFile(step.version)) expected.decisions.delete(`version/${step.version}`);
        else expected.decisions.set(`version/${step.version}`, 'load');
        expected.settle();
        return expected.canServe(step.version) ? 200 : 503;
      case 'unload':
        if (!expected.files.has(step.version)) return 404;
        if (!step.force && expected.defaultVersion === step.version && expected.canServe(step.version)) return 409;
        expected.decisions.set(`version/${step.version}`, 'unload');
        expected.settle();
        return 200;
    }
  }

  /** Makes a change of the files, unless model.yaml would name what is not there then: nothing of it would be followed. */
  private async change(step: Change): Promise<void> {
    const { expected, folder } = this;
    const { file } = expected;
    if (step.do === 'publish') {
      const weight = ++this.weight;
      await publish(folder, step.version, step.isBad ? 'nothing' : linearModel([weight]), weight);
      expected.files.set(step.version, step.isBad ? 'bad' : weight);
    } else if (step.do === 'remove') {
      const isNamed = [file.default, file.labels[file.default ?? ''], ...(file.versions ?? [])].includes(step.version);
      if (isNamed || expected.files.size === 1) return;
      await rm(join(folder.path, 'm', step.version), { force: true });
      expected.files.delete(step.version);
    } else {
      const { default: chosen, labels, versions } = step;
      const selected = versions?.every((one) => expected.files.has(one)) ? versions : undefined;
      const isThere = (one: string) => expected.files.has(one) && (selected?.includes(one) ?? true);
      const isValid = chosen !== null && (isThere(chosen) || isThere(labels[chosen] ?? ''));
      const yaml = { labels, ...(isValid && { default: chosen }), ...(selected && { versions: selected }) };
      expected.file = yaml;
      await folder.write('m/.model.yaml', JSON.stringify(yaml));
      await rename(join(folder.path, 'm/.model.yaml'), join(folder.path, 'm/model.yaml'));
    }
  }

  /** Many at the same time: each word may be the last, and what the service keeps is in force. */
  private async burst(steps: (Decision | Change)[]): Promise<void> {
    const { expected } = this;
    const before = new Map(expected.decisions);
    const said = new Map<string, Set<string | undefined>>();
    const say = (key: string, ...values: (string | undefined)[]) => {
      said.set(key, new Set([...(said.get(key) ?? []), ...values]));
    };
    const changes = steps.filter((step): step is Change => ['publish', 'remove', 'edit'].includes(step.do));
    const decisions = steps.filter((step): step is Decision => !changes.includes(step as Change));
    const files = async () => {
      for (const step of changes) await this.change(step); // in their order, as one who copies does
    };
    const calls = decisions.map(async (step) => {
      const status = await this.send(step);
      expect([200, 404, 409, 503]).toContain(status);
      if (step.do === 'load' || step.do === 'unload') {
        // One that vanishes while its call is answered has been decided on, and a file that comes and goes has its say.
        const key = `version/${step.version}`;
        say(key, ...(step.do === 'load' ? ['load', undefined] : ['unload']));
        if (status !== 200) say(key, before.get(key));
      } else if (status === 200) {
        const key = 'label' in step ? `label/${step.label}` : 'default/';
        say(key, 'value' in step ? step.value : undefined);
      }
    });
    await Promise.all([files(), ...calls]);
    // Whether what is bad has found its predecessor still serving is a matter of moments: the end must not be.
    for (const [one, content] of expected.files)
      if (content === 'bad') await this.change({ do: 'publish', version: one, isBad: false });
    const { decisions: kept } = await this.get();
    expected.decisions = new Map(kept.map(({ kind, name: about, value }) => [`${kind}/${about ?? ''}`, value]));
    for (const key of new Set([...before.keys(), ...expected.decisions.keys(), ...said.keys()])) {
      const words = said.get(key) ?? new Set([before.get(key)]);
      expect([key, [...words]]).toEqual([key, expect.arrayContaining([expected.decisions.get(key)])]);
    }
  }

  private async send(step: Decision): Promise<number> {
    const query = 'force' in step && step.force ? '?force=true' : '';
    const put = { method: 'PUT', headers: { 'Content-Type': 'application/json' } };
    const call = {
      default: () => this.fetch('/default', { ...put, body: JSON.stringify({ version: (step as { value: string }).value }) }, query), // prettier-ignore
      label: () => this.fetch(`/labels/${(step as { label: string }).label}`, { ...put, body: JSON.stringify({ version: (step as { value: string }).value }) }, query), // prettier-ignore
      resetDefault: () => this.fetch('/default', { method: 'DELETE' }, query),
      resetLabel: () => this.fetch(`/labels/${(step as { label: string }).label}`, { method: 'DELETE' }, query),
      load: () => this.fetch(`/versions/${(step as { version: string }).version}/load`, { method: 'POST' }, ''),
      unload: () => this.fetch(`/versions/${(step as { version: string }).version}/unload`, { method: 'POST' }, query),
    }[step.do];
    const response = await call();
    await response.arrayBuffer();
    return response.status;
  }

  private fetch(path: string, options: RequestInit, query = ''): Promise<Response> {
    return fetch(`${this.server.url}/v1/models/m${path}${query}`, options);
  }

  private async get() {
    return (await (await this.fetch('', {})).json()) as {
      default_version: string | null;
      labels: Record<string, string>;
      decisions: { kind: string; name: string | null; value: string }[];
    };
  }

  private async found() {
    const { default_version: defaultVersion, labels, decisions } = await this.get();
    const answers: string[] = [];
    for (const selector of [undefined, ...VERSIONS, ...LABELS]) answers.push(await this.ask(selector));
    const kept = decisions.map(({ kind, name: about, value }) => `${kind}/${about ?? ''} = ${value}`);
    return { defaultVersion, labels: sorted(labels), answers, decisions: kept.sort() };
  }

  private wanted(): Awaited<ReturnType<Trial['found']>> {
    const { expected } = this;
    return {
      defaultVersion: expected.defaultVersion ?? null,
      labels: sorted(expected.labels),
      answers: [undefined, ...VERSIONS, ...LABELS].map((selector) => expected.answer(selector)),
      decisions: [...expected.decisions].map(([key, value]) => `${key} = ${value}`).sort(),
    };
  }

  async ask(selector: string | undefined): Promise<string> {
    const pin = selector === undefined ? {} : { 'X-Model-Version': selector };
    const headers = { 'Content-Type': 'application/json', ...pin };
    const response = await this.fetch('/predict', { method: 'POST', headers, body: '{"a": 1}' });
    const json = (await response.json()) as Record<string, string>;
    return response.status === 200
      ? `${json.model_version} says ${json.prediction}`
      : `${response.status} ${json.code}`;
  }
}

function sorted(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort());
}

/** Has a version be another folder in one step: a reader never finds half of it, nor nothing. */
async function publish(folder: ModelFolder, one: string, model: string | Uint8Array, id: number): Promise<void> {
  const path = join(folder.path, 'm');
  await folder.write(`m/.store/${id}/model.onnx`, model);
  await folder.write(`m/.store/${id}/signature.yaml`, SIGNATURE);
  await symlink(join('.store', String(id)), join(path, '.next'));
  await rename(join(path, '.next'), join(path, one));
}

/** Starts a service on three versions, and has something done to it. */
async function onTrial(
  start: (models: string, data: string) => Promise<Server>,
  act: (trial: Trial) => Promise<void>,
): Promise<void> {
  const folder = await ModelFolder.with();
  const data = await mkdtemp(join(tmpdir(), 'nestor-data-'));
  for (const [index, one] of VERSIONS.entries()) {
    await publish(folder, one, linearModel([-index - 1]), -index - 1);
  }
  const startServer = () => start(folder.path, data);
  const trial = new Trial(folder, startServer, await startServer());
  for (const [index, one] of VERSIONS.entries()) trial.expected.files.set(one, -index - 1);
  trial.expected.restart();
  try {
    await act(trial);
  } finally {
    await trial.server.end();
    await folder.remove();
    await rm(data, { recursive: true, force: true });
  }
}

const settingsOf = (models: string, data: string) => ({
  MODELS_DIR: models,
  DATABASE_URL: `sqlite:${join(data, 'nestor.db')}`,
  QUIET_MS: '0',
  WATCH_INTERVAL_MS: '100',
});

async function startHere(models: string, data: string): Promise<Server> {
  const service = await Service.start(settingsOf(models, data));
  return { url: service.url, end: () => service.stop() };
}

async function startProcess(models: string, data: string): Promise<Server> {
  const service = await ServiceProcess.start({ ...settingsOf(models, data), LOG_LEVEL: 'info' });
  const url = await service.url();
  return {
    url,
    end: async () => {
      service.signal('SIGKILL');
      await service.exit();
    },
  };
}

describe('whatever operators and publishers do, in whatever order', () => {
  const steps = (most: number, ...kinds: fc.Arbitrary<Step>[]) => fc.array(fc.oneof(...kinds), { minLength: 1, maxLength: most }); // prettier-ignore

  it('what answers is what the files and the decisions say', async () => {
    await fc.assert(
      fc.asyncProperty(steps(25, decision, decision, change, burst), (list) =>
        onTrial(startHere, async (trial) => {
          for (const step of list) await trial.step(step);
        }),
      ),
      { numRuns: 12, interruptAfterTimeLimit: 30_000, endOnFailure: true },
    );
  }, 180_000);

  it('and so it is after the process was killed, at any moment', async () => {
    await fc.assert(
      fc.asyncProperty(steps(12, decision, change, burst, kill), (list) =>
        onTrial(startProcess, async (trial) => {
          for (const step of [...list, { do: 'kill' as const }]) await trial.step(step);
        }),
      ),
      { numRuns: 3, interruptAfterTimeLimit: 30_000, endOnFailure: true },
    );
  }, 180_000);

  it('clients are answered by the version that their answer names, or told why not', async () => {
    await onTrial(startHere, async (trial) => {
      const weights = new Map(VERSIONS.map((one, index) => [one, -index - 1]));
      const told = new Set<string>();
      let isOver = false;
      let answered = 0;
      const predict = async (selector: string | undefined) => {
        while (!isOver) {
          const answer = await trial.ask(selector);
          const [, one = '', weight] = /^(\S+) says (\S+)$/.exec(answer) ?? [];
          if (weight === undefined) told.add(`${selector ?? 'default'}: ${answer}`);
          else expect([one, Number(weight)]).toEqual([one, weights.get(one)]);
          if (weight !== undefined && VERSIONS.includes(selector ?? '')) expect(one).toBe(selector);
          answered++;
        }
      };
      const clients = Array.from({ length: 30 }, (_, i) => predict([undefined, ...VERSIONS, ...LABELS][i % 6]));
      const forced = fc.sample(decision, { numRuns: 40, seed: 7 }).map((step) => ({ ...step, force: true }));
      // 3.0.0 is left alone: its clients must not notice anything.
      const storm = forced.filter((step) => !('version' in step && step.version === '3.0.0'));
      const call = trial as unknown as { send: (step: Decision) => Promise<number> };
      for (let at = 0; at < storm.length; at += 5) {
        const statuses = await Promise.all(storm.slice(at, at + 5).map((step) => call.send(step)));
        expect(statuses.filter((status) => ![200, 404, 503].includes(status))).toEqual([]);
      }
      isOver = true;
      await Promise.all(clients);
      expect(answered).toBeGreaterThan(300);
      const fitting = /^(default: 503 model_unavailable|default: 503 model_not_ready|(1|2|stable|canary)\S*: (404 version_not_found|503 model_not_ready))$/; // prettier-ignore
      expect([...told].filter((line) => !fitting.test(line))).toEqual([]);
    });
  }, 120_000);
});
