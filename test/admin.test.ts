import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { linearModel } from './support/onnx.js';
import { ModelFolder } from './support/model-folder.js';
import { Service } from './support/service.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE } from './support/slow-models.js';

const SIGNATURE =
  'features: {type: object, required: [a], properties: {a: {type: number, examples: [1]}}}\noutput: {task: regression}\n';

/** A version that answers `weight · a`. */
const version = (path: string, weight: number) => ({
  [`${path}/model.onnx`]: linearModel([weight]),
  [`${path}/signature.yaml`]: SIGNATURE,
});
const THREE = { ...version('m/1.0.0', 1), ...version('m/2.0.0', 2), ...version('m/3.0.0', 3) };

describe('operators decide', () => {
  let folder: ModelFolder;
  let service: Service;
  let data: string;
  let environment: Record<string, string>;

  async function start(files: Record<string, string | Uint8Array>, settings: Record<string, string> = {}) {
    folder = await ModelFolder.with(files);
    environment = {
      MODELS_DIR: folder.path,
      WATCH_INTERVAL_MS: '200',
      DEFAULT_MODEL: 'm',
      DATABASE_URL: `sqlite:${join(data, 'nestor.db')}`,
      ...settings,
    };
    service = await Service.start(environment);
  }
  async function restart() {
    await service.stop();
    service = await Service.start(environment);
  }
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'nestor-data-'));
  });
  afterEach(async () => {
    await service.stop();
    await folder.remove();
    await rm(data, { recursive: true });
  });

  const M = '/v1/models/m';
  const ask = async (pin?: string) => {
    const { status, json } = await service.post(`${M}/predict`, { a: 1 }, pin ? { 'X-Model-Version': pin } : {});
    return status === 200 ? `${json.model_version} says ${json.prediction}` : `${status} ${json.code}`;
  };
  const put = (path: string, choice: unknown) =>
    service.call('PUT', M + path, {
      body: JSON.stringify({ version: choice }),
      headers: { 'Content-Type': 'application/json' },
    });
  const remove = (path: string) => service.call('DELETE', M + path);
  const load = (name: string, headers = {}) => service.call('POST', `${M}/versions/${name}/load`, { headers });
  const unload = (name: string, query = '') => service.call('POST', `${M}/versions/${name}/unload${query}`);
  const about = async (path = '') => (await service.get(M + path)).json;
  const refused = ({ status, json }: { status: number; json: Record<string, unknown> }) =>
    `${status} ${String(json.code)}: ${String(json.detail)}`;
  async function eventually(look: () => Promise<unknown>, wanted: unknown) {
    const deadline = performance.now() + 10_000;
    for (;;) {
      const found = await look();
      if (JSON.stringify(found) === JSON.stringify(wanted) || performance.now() > deadline) {
        expect(found).toEqual(wanted);
        return;
      }
      await sleep(20);
    }
  }

  describe('the default and labels', () => {
    beforeEach(() => start({ ...THREE, 'm/model.yaml': 'default: stable\nlabels: {stable: 1.0.0}\n' }));

    it('a default is in force once it is answered, whoever asks how; DELETE returns to the file', async () => {
      const { status, json } = await put('/default', '2.0.0');
      expect(status).toBe(200);
      expect(json).toEqual(await about());
      expect(json).toMatchObject({
        default_version: '2.0.0',
        decisions: [{ kind: 'default', name: null, value: '2.0.0', who: 'local', at: expect.any(String) as unknown }],
      });
      expect(await ask()).toBe('2.0.0 says 2');
      expect((await remove('/default')).json).toMatchObject({ default_version: '1.0.0', decisions: [] });
      expect(await ask()).toBe('1.0.0 says 1');
      expect((await remove('/default')).status).toBe(200);
    });

    it('a default that is a label follows it', async () => {
      await put('/labels/best', '3.0.0');
      await put('/default', 'best');
      expect(await ask()).toBe('3.0.0 says 3');
      await put('/labels/best', '2.0.0');
      expect(await ask()).toBe('2.0.0 says 2');
    });

    it('a label is made, moved from where the file has it, and given back', async () => {
      expect((await put('/labels/canary', '3.0.0')).json.labels).toEqual({ stable: '1.0.0', canary: '3.0.0' });
      expect((await put('/labels/stable', '2.0.0')).json.versions[1].labels).toEqual(['stable']);
      expect([await ask('canary'), await ask('stable'), await ask()]).toEqual(['3.0.0 says 3', '2.0.0 says 2', '2.0.0 says 2']); // prettier-ignore
      await remove('/labels/canary');
      await remove('/labels/stable');
      expect([await ask('canary'), await ask('stable')]).toEqual(['404 version_not_found', '1.0.0 says 1']);
    });

    it('all of it outlives a restart, and wins over the file as it is then', async () => {
      await put('/default', '3.0.0');
      await put('/labels/stable', '2.0.0');
      await unload('1.0.0');
      const before = await about();
      await folder.write('m/model.yaml', 'default: 1.0.0\nlabels: {stable: 1.0.0}\n');
      await restart();
      const { default_version, labels, decisions, versions, warnings } = await about();
      expect([default_version, labels, decisions]).toEqual([before.default_version, before.labels, before.decisions]);
      expect([versions[0].state, warnings]).toEqual(['UNLOADED', undefined]);
      expect([await ask(), await ask('stable'), await ask('1.0.0')]).toEqual(['3.0.0 says 3', '2.0.0 says 2', '404 version_not_found']); // prettier-ignore
    });

    it.each([
      ['/default', '3.0.1', '404 version_not_found: m has no version or label "3.0.1"; did you mean "3.0.0"? There are: 1.0.0, 2.0.0, 3.0.0, stable.'], // prettier-ignore
      ['/labels/x', '9', '404 version_not_found: m has no version "9". There are: 1.0.0, 2.0.0, 3.0.0.'],
      ['/labels/x', 'stable', '404 version_not_found: m has no version "stable". There are: 1.0.0, 2.0.0, 3.0.0.'],
      ['/labels/latest', '1.0.0', '400 validation_failed: The label `latest` is taken: it always means the highest version.'], // prettier-ignore
      ['/labels/2.0.0', '1.0.0', '400 validation_failed: The label 2.0.0 is taken: m has a version of that name.'],
      ['/labels/.x', '1.0.0', '400 validation_failed: A label is 1 to 64 of A-Z a-z 0-9 . _ -, not starting with a dot.'], // prettier-ignore
      ['/labels/x', 1, '400 validation_failed: 1 problem: /version must be a string: write a version such as 1.0 in quotes.'], // prettier-ignore
      ['/default', '', '400 validation_failed: 1 problem: /version must be 1 to 64 characters long.'],
      ['/default?force=yes', '1.0.0', '400 validation_failed: force must be true or false.'],
    ])('PUT %s of %j is refused', async (path, choice, wanted) => {
      expect(refused(await put(path, choice))).toBe(wanted);
      expect((await about()).decisions).toEqual([]);
    });

    it('says which model it does not know, and reads a body as any other', async () => {
      expect(refused(await service.call('DELETE', '/v1/models/n/default'))).toBe('404 model_not_found: There is no model "n". Served: m.'); // prettier-ignore
      const sent = await service.call('PUT', `${M}/default`, { body: '{', headers: { 'Content-Type': 'application/json' } }); // prettier-ignore
      expect([sent.status, sent.json.code]).toEqual([400, 'malformed_json']);
    });

    it('a default or label that cannot serve is refused with the reason, and taken by force', async () => {
      await unload('3.0.0');
      await folder.write('m/4.0.0/model.onnx', 'nothing');
      await eventually(async () => (await about()).versions[3]?.state, 'FAILED');
      expect(refused(await put('/default', '3.0.0'))).toMatch(/^409 conflict: Version 3.0.0 of m is UNLOADED \(unloaded by local at .*\) and cannot serve/); // prettier-ignore
      expect(refused(await put('/labels/stable', '4.0.0'))).toMatch(/^409 conflict: Version 4.0.0 of m is FAILED \(model.onnx: .*\) and cannot serve/); // prettier-ignore
      expect(await ask()).toBe('1.0.0 says 1');
      expect((await put('/default?force=true', '3.0.0')).json).toMatchObject({
        default_version: '3.0.0',
        warnings: [expect.stringMatching(/^default 3.0.0, decided by local at .*, is not served: requests that name no version are refused$/)], // prettier-ignore
      });
      expect([await ask(), await ask('2.0.0')]).toEqual(['503 model_unavailable', '2.0.0 says 2']);
      await load('3.0.0');
      expect(await ask()).toBe('3.0.0 says 3');
    });

    it('a label that the default needs is not taken away from it', async () => {
      await put('/labels/best', '3.0.0');
      await put('/default', 'best');
      expect(refused(await remove('/labels/best'))).toMatch(/^409 conflict: Without it the default of m is none that can serve/); // prettier-ignore
      expect(await ask()).toBe('3.0.0 says 3');
      expect((await remove('/labels/best?force=true')).status).toBe(200);
      expect(await ask()).toBe('503 model_unavailable');
    });

    it('a version that goes away is never replaced by another in silence', async () => {
      await put('/default', '3.0.0');
      await put('/labels/canary', '3.0.0');
      await rm(join(folder.path, 'm/3.0.0'), { recursive: true });
      await eventually(async () => (await about()).versions.length, 2);
      expect([await ask(), await ask('canary'), await ask('2.0.0')]).toEqual(['503 model_unavailable', '404 version_not_found', '2.0.0 says 2']); // prettier-ignore
      const { json } = await service.post(`${M}/predict`, { a: 1 });
      expect(json.detail).toBe('The default of m, 3.0.0, is not there. GET /v1/models/m says why.');
      expect(await about()).toMatchObject({
        default_version: null,
        warnings: [
          expect.stringMatching(/^default 3.0.0, decided by local at .*, is not there/),
          expect.stringMatching(/^label canary, decided by local at .*, means version 3.0.0, which is not there$/),
        ],
      });
      await restart();
      expect([await ask(), await ask('canary'), await ask('2.0.0')]).toEqual(['503 model_unavailable', '404 version_not_found', '2.0.0 says 2']); // prettier-ignore
      for (const [path, content] of Object.entries(version('m/3.0.0', 33))) await folder.write(path, content);
      await eventually(() => ask(), '3.0.0 says 33');
      expect((await about()).warnings).toBeUndefined();
    });
  });

  describe('load and unload', () => {
    it('an unloaded version is gone from memory, and stays so when its files change and after a restart', async () => {
      await start(THREE);
      const { status, json } = await unload('2.0.0');
      expect(status).toBe(200);
      expect(json).toEqual(await about('/versions/2.0.0'));
      expect(json).toMatchObject({ state: 'UNLOADED', reason: expect.stringMatching(/^unloaded by local at /) as unknown }); // prettier-ignore
      expect([await ask('2.0.0'), await ask('^2'), await ask()]).toEqual(['404 version_not_found', '404 version_not_found', '3.0.0 says 3']); // prettier-ignore
      expect((await unload('2.0.0')).json).toEqual(json);
      await folder.write('m/2.0.0/model.onnx', linearModel([20]));
      await sleep(500);
      expect(await ask('2.0.0')).toBe('404 version_not_found');
      await restart();
      expect((await about('/versions/2.0.0')).reason).toBe(json.reason);
      expect((await load('2.0.0')).json).toMatchObject({ state: 'READY', execution: expect.anything() as unknown });
      expect([await ask('2.0.0'), (await about()).decisions]).toEqual(['2.0.0 says 20', []]);
    });

    it('the default is unloaded by force only; then the next highest answers, or none where one is named', async () => {
      await start(THREE);
      expect(refused(await unload('3.0.0'))).toBe('409 conflict: Version 3.0.0 is the default of m: requests that name no version would lose it. Set another default first, or say ?force=true.'); // prettier-ignore
      expect((await unload('3.0.0', '?force=true')).status).toBe(200);
      expect(await ask()).toBe('2.0.0 says 2');
      await put('/default', '2.0.0');
      expect((await unload('2.0.0', '?force=false')).status).toBe(409);
      expect((await unload('2.0.0', '?force=true')).status).toBe(200);
      expect((await unload('2.0.0')).status).toBe(200); // it is already
      expect([await ask(), await ask('1.0.0')]).toEqual(['503 model_unavailable', '1.0.0 says 1']);
    });

    it('a version that model.yaml leaves out is served, also after a restart', async () => {
      await start({ ...THREE, 'm/model.yaml': 'versions: [3.0.0]\n' });
      expect(await ask('1.0.0')).toBe('404 version_not_found');
      await load('1.0.0');
      expect((await about()).decisions).toMatchObject([{ kind: 'version', name: '1.0.0', value: 'load' }]);
      await restart();
      expect([await ask('1.0.0'), await ask('2.0.0')]).toEqual(['1.0.0 says 1', '404 version_not_found']);
      await unload('1.0.0');
      await folder.write('m/model.yaml', 'versions: all\n');
      await eventually(() => ask('2.0.0'), '2.0.0 says 2');
      expect(await ask('1.0.0')).toBe('404 version_not_found');
    });

    it('a lazy version is loaded now, and at each start from then on', async () => {
      await start({ ...THREE, 'm/model.yaml': 'load: lazy\n' });
      const states = async () => ((await about()).versions as { state: string }[]).map(({ state }) => state);
      expect((await load('2.0.0')).json.state).toBe('READY');
      await restart();
      expect(await states()).toEqual(['DISCOVERED', 'READY', 'DISCOVERED']);
    });

    it('a version that FAILED is tried again, and fails with its reason', async () => {
      await start({ ...THREE, 'm/4.0.0/model.onnx': 'nothing' });
      const failures = async () => /version="4.0.0",result="failed"} (\d+)/.exec((await service.get('/metrics')).text)?.[1]; // prettier-ignore
      expect(await failures()).toBe('1');
      const answer = await load('4.0.0');
      expect(refused(answer)).toMatch(/^503 model_unavailable: Version 4.0.0 of m is not served: FAILED, model.onnx: /);
      expect([await failures(), answer.headers.get('retry-after')]).toEqual(['2', null]);
    });

    it('a version that has just been copied is found and loaded', async () => {
      await start(THREE, { WATCH_INTERVAL_MS: '600000', QUIET_MS: '300' });
      for (const [path, content] of Object.entries(version('m/4.0.0', 4))) await folder.write(path, content);
      expect((await load('4.0.0')).json.state).toBe('READY');
      expect(await ask()).toBe('4.0.0 says 4');
    });

    it('without WATCH_INTERVAL_MS the folder stays as it was at the start, and decisions are in force', async () => {
      await start(THREE, { WATCH_INTERVAL_MS: '0' });
      for (const [path, content] of Object.entries(version('m/4.0.0', 4))) await folder.write(path, content);
      await folder.write('m/model.yaml', 'default: 1.0.0\n');
      await unload('2.0.0');
      await load('2.0.0');
      expect((await put('/default', '4.0.0')).status).toBe(404);
      expect([await ask(), await ask('2.0.0')]).toEqual(['3.0.0 says 3', '2.0.0 says 2']);
    });

    it('a version that is not there cannot be loaded', async () => {
      await start(THREE);
      expect(refused(await load('3.0'))).toBe('404 version_not_found: m has no version "3.0". There are: 1.0.0, 2.0.0, 3.0.0.'); // prettier-ignore
      expect((await unload('latest')).status).toBe(404);
    });

    it('the time of a request ends the wait for a load, and the load goes on', async () => {
      await start(THREE);
      await unload('2.0.0');
      expect(refused(await load('2.0.0', { 'X-Request-Timeout-Ms': '1' }))).toMatch(/^504 deadline_exceeded: .* before m 2.0.0 was loaded; its load goes on/); // prettier-ignore
      await eventually(() => ask('2.0.0'), '2.0.0 says 2');
    });

    it('requests in flight are answered by the version that is unloaded, before its call is', async () => {
      const slow = { 'model.onnx': COUNTDOWN, 'signature.yaml': COUNTDOWN_SIGNATURE };
      const files = ['1', '2'].flatMap((name) => Object.entries(slow).map(([file, content]) => [`m/${name}/${file}`, content])); // prettier-ignore
      await start(Object.fromEntries(files) as Record<string, string>);
      const done: string[] = [];
      const predicting = Promise.all(
        Array.from({ length: 5 }, async () => {
          const { status } = await service.post(`${M}/versions/1/predict`, { n: [300_000] });
          done.push(String(status));
        }),
      );
      await eventually(async () => /nestor_queue_rows\{model="m",version="1"} [1-9]/.test((await service.get('/metrics')).text), true); // prettier-ignore
      const { json } = await unload('1');
      done.push(String(json.state));
      await predicting;
      expect(done).toEqual(['200', '200', '200', '200', '200', 'UNLOADED']);
    });
  });

  describe('who may', () => {
    /** A call with headers that fetch does not let its user set. */
    async function call(headers: Record<string, string>) {
      const sent = request(`${service.url}${M}/versions/1.0.0/unload`, { method: 'POST', headers }).end();
      const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
      response.resume();
      return response.statusCode;
    }

    it('a page of another site in a browser of this machine may not, nor may a proxy', async () => {
      await start(THREE);
      const port = new URL(service.url).port;
      for (const headers of [
        { Host: 'rebound.example' },
        { Host: `127.0.0.1.rebound.example:${port}` },
        { Origin: 'http://other.example' },
        { Origin: 'null' },
        { Origin: 'http://127.0.0.1:1' },
        { Origin: `https://127.0.0.1:${port}` },
        { 'Sec-Fetch-Site': 'cross-site' },
        { 'Sec-Fetch-Site': 'same-site' },
        { 'X-Forwarded-For': '192.0.2.1' },
        { Forwarded: 'for=192.0.2.1' },
      ])
        expect([headers, await call(headers as Record<string, string>)]).toEqual([headers, 403]);
      expect(await ask('1.0.0')).toBe('1.0.0 says 1');
    });

    it('whoever is on this machine may, by any of its names, and so may the pages of this service', async () => {
      await start(THREE);
      const port = new URL(service.url).port;
      for (const headers of [
        {},
        { Host: `localhost:${port}` },
        { Host: 'LOCALHOST' },
        { Host: '[::1]:9000' },
        { Origin: service.url, 'Sec-Fetch-Site': 'same-origin' },
        { 'Sec-Fetch-Site': 'none' },
      ])
        expect([headers, await call(headers as Record<string, string>)]).toEqual([headers, 200]);
    });

    it.each(['0.0.0.0', '::', 'example.org', '10.0.0.1'])('nobody may where it listens on %s', async (HOST) => {
      await start(THREE, { HOST });
      expect(refused(await put('/default', '1.0.0'))).toBe('403 forbidden: Authentication is off, so calls that change something or show what is personal are answered only where the server listens on the loopback: set AUTH=on, or HOST=127.0.0.1 and call from the same machine.'); // prettier-ignore
      expect(await ask()).toBe('3.0.0 says 3');
    });
  });

  describe('the database is away', () => {
    const locked = () => {
      const database = new DatabaseSync(join(data, 'nestor.db'));
      database.exec('BEGIN EXCLUSIVE');
      return database;
    };

    it('nothing is changed, what was decided stays in force, and calls work again once it is back', async () => {
      await start(THREE, { DATABASE_TIMEOUT_MS: '300' });
      await put('/default', '1.0.0');
      const lock = locked();
      for (const call of [
        () => put('/default', '2.0.0'),
        () => remove('/default'),
        () => unload('2.0.0'),
        () => load('2.0.0'),
      ])
        // prettier-ignore
        expect((await call()).json.code).toBe('dependency_unavailable');
      await folder.write('m/model.yaml', 'default: 2.0.0\n');
      for (const [path, content] of Object.entries(version('m/4.0.0', 4))) await folder.write(path, content);
      await eventually(() => ask('4.0.0'), '4.0.0 says 4'); // files are followed all the same
      expect([await ask(), await ask('2.0.0')]).toEqual(['1.0.0 says 1', '2.0.0 says 2']);
      lock.close();
      await eventually(async () => (await put('/default', '3.0.0')).status, 200);
      expect(await ask()).toBe('3.0.0 says 3');
    });

    it('a start serves what the files say, and what was decided once it is back', async () => {
      await start(THREE, { DATABASE_TIMEOUT_MS: '300', WATCH_INTERVAL_MS: '0' });
      await put('/default', '1.0.0');
      await service.stop();
      const lock = locked();
      service = await Service.start(environment);
      expect(await ask()).toBe('3.0.0 says 3');
      lock.close();
      await eventually(() => ask(), '1.0.0 says 1');
    });
  });

  it('another replica on the same database follows at its next look', async () => {
    await start(THREE);
    const other = await Service.start(environment);
    try {
      await put('/default', '1.0.0');
      await unload('3.0.0');
      const answers = async () => {
        const pinned = await other.post(`${M}/predict`, { a: 1 }, { 'X-Model-Version': '3.0.0' });
        return [(await other.post(`${M}/predict`, { a: 1 })).json.model_version, pinned.status];
      };
      await eventually(answers, ['1.0.0', 404]);
    } finally {
      await other.stop();
    }
  });

  it('each change is one event, by whom, and a repeat is none', async () => {
    await start({ ...THREE, 'm/model.yaml': 'default: 1.0.0\n' });
    for (let i = 0; i < 2; i++) await put('/default', '2.0.0');
    for (let i = 0; i < 2; i++) await put('/labels/best', '3.0.0');
    for (let i = 0; i < 2; i++) await unload('1.0.0');
    for (let i = 0; i < 2; i++) await load('1.0.0');
    for (let i = 0; i < 2; i++) await remove('/labels/best');
    for (let i = 0; i < 2; i++) await remove('/default');
    await put('/default', '9');
    await unload('1.0.0');
    const events = async () => {
      const { events: kept } = (await service.get('/v1/events?model=m')).json as { events: Record<string, unknown>[] };
      const asked = kept.filter(({ kind }) => kind !== 'state').reverse();
      return asked.map(({ kind, version: on, label, from, to, who }) => [kind, on ?? label, from, to, who]);
    };
    await eventually(events, [
      ['default', null, '1.0.0', '2.0.0', 'local'],
      ['label', 'best', null, '3.0.0', 'local'],
      ['unload', '1.0.0', 'READY', 'UNLOADED', 'local'],
      ['load', '1.0.0', 'UNLOADED', 'READY', 'local'],
      ['label', 'best', '3.0.0', null, 'local'],
      ['default', null, '2.0.0', '1.0.0', 'local'],
    ]);
  });

  it.each(['constructor', '__proto__', 'toString'])(
    'a label may be called %s, and its history is kept',
    async (label) => {
      await start(THREE);
      expect((await put(`/labels/${label}`, '2.0.0')).status).toBe(200);
      expect((await remove(`/labels/${label}`)).status).toBe(200);
      const events = async () => (await service.get('/v1/events?kind=label')).json;
      await eventually(async () => ((await events()) as { events?: unknown[] }).events?.length, 2);
      expect((await events()) as object).toMatchObject({
        events: [
          { label, from: '2.0.0', to: null },
          { label, from: null, to: '2.0.0' },
        ],
      });
    },
  );

  it('each call is documented', async () => {
    await start(THREE);
    interface Operation {
      responses: object;
      parameters: { name: string }[];
    }
    const paths = (await service.get('/openapi.json')).json.paths as Record<string, Record<string, Operation>>;
    const calls = Object.entries(paths).filter(([path]) => /^\/v1.*(load|default|labels)/.test(path));
    expect(calls.map(([path, item]) => [path, Object.keys(item)])).toEqual([
      ['/v1/models/{model}/versions/{version}/load', ['post']],
      ['/v1/models/{model}/versions/{version}/unload', ['post']],
      ['/v1/models/{model}/default', ['put', 'delete']],
      ['/v1/models/{model}/labels/{label}', ['put', 'delete']],
    ]);
    const { responses, parameters } = paths['/v1/models/{model}/default']?.put as Operation;
    expect(Object.keys(responses)).toEqual([
      '200',
      '400',
      '403',
      '404',
      '408',
      '409',
      '413',
      '415',
      '431',
      '500',
      '503',
      '504',
    ]);
    expect(parameters.map(({ name }) => name)).toEqual(['model', 'force']);
  });

  it('a database of nothing that can be read keeps nobody from starting', async () => {
    await writeFile(join(data, 'file'), 'no folder');
    await start(THREE, { DATABASE_URL: `sqlite:${join(data, 'file', 'nestor.db')}` });
    expect(await ask()).toBe('3.0.0 says 3');
    expect(refused(await put('/default', '1.0.0'))).toMatch(/^503 dependency_unavailable/);
  });
});
