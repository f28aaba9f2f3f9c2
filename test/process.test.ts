import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rename, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { linearModel } from './support/onnx.js';
import { ModelFolder, SHIPPED } from './support/model-folder.js';
import { APPLICANT } from './support/rows.js';
import { COUNTDOWN, COUNTDOWN_SIGNATURE } from './support/slow-models.js';
import { ServiceProcess } from './support/process.js';

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/predict`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...headers },
  });

/** Has Node write the names of the packages that it loads to standard error; the bundle says in comments what it is made of. */
const TELLS_PACKAGES = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  import { writeSync } from 'node:fs';
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const parts = String(loaded.source).matchAll(/^\\/\\/ node_modules\\/((?:@[^/]+\\/)?[^/]+)/gm);
      for (const name of new Set(Array.from(parts, ([, name]) => name))) writeSync(2, name + '\\n');
      return loaded;
    },
  });
`)}`;

const ONE_NUMBER =
  'features: {type: object, required: [a], properties: {a: {type: number}}}\noutput: {task: regression}\n';

describe('the built service as a process', () => {
  it('says what it serves, with a curl line that works, and ends in order on SIGTERM', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED });
    const url = await service.url();
    const messages = service.log.map(({ msg }) => String(msg));
    expect(messages).toContainEqual(
      'Serving credit-risk 1.0.0 (default), 2.0.0; diabetes 1.0.0 (default); digits 1.0.0 (default); iris 1.0.0 (default)',
    );
    const tried = messages.find((message) => message.startsWith('Try: ')) ?? '';
    const [, address = '', body = ''] = /curl -s (\S+) .* -d '(.*)'$/.exec(tried) ?? [];
    const answer = await fetch(address, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
    expect(await answer.json()).toMatchObject({ prediction_class: 'approved' });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await service.stop()).toBe(0);
    expect(service.stderr).toBe('');
  });

  it('logs the start and the end of each request, loses none, and shows no features', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED });
    const url = await service.url();
    const ids = Array.from({ length: 200 }, (_, i) => `id-${i}`);
    await Promise.all(
      ids.map((id) =>
        post(url, APPLICANT, { 'X-Request-Id': id, 'X-Model-Version': 'candidate' }).then((answer) => answer.text()),
      ),
    );
    await post(url, { age: 'Secret' }, { 'X-Request-Id': 'bad' }).then((answer) => answer.text());
    await fetch(`${url}/nope?token=hidden`, { headers: { 'X-Request-Id': 'lost' } }).then((answer) => answer.text());
    expect(await service.stop()).toBe(0);
    const events = (msg: string) =>
      new Map(service.log.filter((line) => line.msg === msg).map((line) => [line.request_id, line]));
    const [started, completed] = [events('request_started'), events('request_completed')];
    for (const id of ids) {
      expect(started.get(id)).toMatchObject({ method: 'POST', url: '/predict', level: 'info' });
      expect(completed.get(id)).toMatchObject({
        method: 'POST',
        url: '/predict',
        status_code: 200,
        model: 'credit-risk',
        version: '2.0.0',
      });
      expect(completed.get(id)?.duration).toBeGreaterThan(0);
    }
    expect(completed.get('bad')).toMatchObject({ status_code: 400, model: 'credit-risk', version: '1.0.0' });
    expect(completed.get('lost')).toMatchObject({ status_code: 404, url: '/nope' });
    const besidesTheCurlLine = service.stdout.split('\n').filter((line) => !line.includes('Try: curl'));
    expect(besidesTheCurlLine.join('\n')).not.toMatch(/Secret|hidden|credit_score|75000/);
  });

  it.each([
    ['completed', 0, 1],
    ['off', 0, 0],
  ])('LOG_REQUESTS=%s writes %d starts and %d ends', async (mode, starts, ends) => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED, LOG_REQUESTS: mode });
    await post(await service.url(), APPLICANT).then((answer) => answer.text());
    await service.stop();
    const count = (msg: string) => service.log.filter((line) => line.msg === msg).length;
    expect([count('request_started'), count('request_completed')]).toEqual([starts, ends]);
  });

  it('LOG_FEATURES=true shows the rows', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED, LOG_FEATURES: 'true' });
    await post(await service.url(), APPLICANT).then((answer) => answer.text());
    await service.stop();
    expect(service.log.find(({ msg }) => msg === 'request_completed')).toMatchObject({ body: APPLICANT });
  });

  it('drops log lines that nobody reads, counts them, and says so when somebody reads on', async () => {
    const service = await ServiceProcess.start({
      MODELS_DIR: SHIPPED,
      LOG_FEATURES: 'true',
      LOG_REQUESTS: 'completed',
    });
    const url = await service.url();
    const dropped = async () => {
      const text = await fetch(`${url}/metrics`).then((answer) => answer.text());
      return Number(/^nestor_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
    };
    expect(await dropped()).toBe(0);
    service.stopReading();
    const megabyte = { employment_type: 'x'.repeat(1024 ** 2) };
    for (let i = 0; i < 12; i++) await post(url, megabyte).then((answer) => answer.text());
    const lost = await dropped();
    expect(lost).toBeGreaterThan(0);
    service.readOn();
    while (!service.stdout.includes('log_lines_dropped')) await new Promise((resolve) => setTimeout(resolve, 20));
    await post(url, APPLICANT).then((answer) => answer.text());
    expect(await dropped()).toBe(lost);
    expect(await service.stop()).toBe(0);
    const told = service.log.filter(({ msg }) => msg === 'log_lines_dropped');
    expect(told).toEqual([expect.objectContaining({ level: 'warn', lines: lost })]);
    const completed = service.log.filter(({ msg }) => msg === 'request_completed');
    expect(completed).toHaveLength(13 - lost);
  });

  it('ends in order though nobody reads its log', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED, LOG_FEATURES: 'true' });
    const url = await service.url();
    service.stopReading();
    for (let i = 0; i < 3; i++)
      await post(url, { employment_type: 'x'.repeat(1024 ** 2) }).then((answer) => answer.text());
    service.signal('SIGTERM');
    await service.end();
    service.readOn();
    expect(await service.exit()).toBe(0);
  });

  it('requests that have arrived in part when SIGTERM comes get their answers', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED });
    const { port } = new URL(await service.url());
    const body = JSON.stringify(APPLICANT);
    const clients = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = connect(Number(port), '127.0.0.1');
        client.write(
          `POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`,
        );
        await once(client, 'data'); // 100 Continue: the server has the request
        client.write(body.slice(0, 20));
        return client;
      }),
    );
    const ended = service.stop();
    await new Promise((resolve) => setTimeout(resolve, 200));
    const answers = clients.map(async (client) => {
      client.write(body.slice(20));
      const [data] = (await once(client, 'data')) as [Buffer];
      client.end();
      return data.toString().split(' ')[1];
    });
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['200']));
    expect(await ended).toBe(0);
  });

  it('says once that MODELS_DIR has vanished, goes on serving, and follows it when it is back', async () => {
    const folder = await ModelFolder.with({ 'm/1/model.onnx': linearModel([1]), 'm/1/signature.yaml': ONE_NUMBER });
    const service = await ServiceProcess.start({ MODELS_DIR: folder.path, WATCH_INTERVAL_MS: '50', QUIET_MS: '50' });
    const url = await service.url();
    await rename(folder.path, `${folder.path}-away`);
    const told = () =>
      service.log.filter(({ msg }) => String(msg).startsWith('What is loaded goes on serving: MODELS_DIR'));
    while (told().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(told()).toHaveLength(1);
    expect((await post(url, { a: 2 })).status).toBe(200);
    await rename(`${folder.path}-away`, folder.path);
    await folder.write('m/2/model.onnx', linearModel([1]));
    await folder.write('m/2/signature.yaml', ONE_NUMBER);
    const ready = () => service.log.filter(({ msg, version }) => msg === 'version_ready' && version === '2');
    while (ready().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await service.stop()).toBe(0);
    await folder.remove();
  });

  describe('in the middle of a run', () => {
    let folder: ModelFolder;
    beforeAll(async () => {
      folder = await ModelFolder.with({
        'slow/1/model.onnx': COUNTDOWN,
        'slow/1/signature.yaml': COUNTDOWN_SIGNATURE,
      });
    });
    afterAll(() => folder.remove());

    /** Starts it with a run that takes minutes. */
    async function startBusy(environment: Record<string, string> = {}): Promise<ServiceProcess> {
      const service = await ServiceProcess.start({ MODELS_DIR: folder.path, ...environment });
      const url = await service.url();
      void post(url, { n: [200_000_000] }, { 'X-Request-Id': 'long' }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return service;
    }

    it('a second SIGTERM ends it at once, without a crash, and nothing of the log is lost', async () => {
      const service = await startBusy();
      service.signal('SIGTERM');
      await new Promise((resolve) => setTimeout(resolve, 100));
      service.signal('SIGTERM');
      expect(await service.exit()).toBeNull(); // ended by a signal
      expect(service.log).toContainEqual(expect.objectContaining({ request_id: 'long', msg: 'request_started' }));
      expect(service.stderr).toBe('');
    });

    it('SHUTDOWN_TIMEOUT_MS ends it, though the run goes on', async () => {
      const service = await startBusy({ SHUTDOWN_TIMEOUT_MS: '200' });
      expect(await service.stop()).toBeNull();
      expect(service.stderr).toBe('');
    });
  });

  it('logs the end of requests that are cut off by SHUTDOWN_TIMEOUT_MS', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED, SHUTDOWN_TIMEOUT_MS: '50' });
    const { port } = new URL(await service.url());
    const clients = Array.from({ length: 5 }, (_, i) => {
      const client = connect(Number(port), '127.0.0.1').on('error', () => undefined);
      client.write(
        `POST /predict HTTP/1.1\r\nHost: x\r\nX-Request-Id: late-${i}\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n`,
      );
      return client;
    });
    await Promise.all(clients.map((client) => once(client, 'data'))); // 100 Continue: the server has the request
    expect(await service.stop()).toBe(0);
    const completed = service.log.filter(({ msg }) => msg === 'request_completed');
    expect(completed.map(({ request_id }) => request_id).sort()).toEqual(clients.map((_, i) => `late-${i}`));
    for (const line of completed) expect(line).toMatchObject({ status_code: 499, cut_off: true });
  });

  async function expectRefusal(environment: Record<string, string>, lines: string[], cwd?: string): Promise<void> {
    const service = await ServiceProcess.start(environment, cwd);
    expect(await service.exit()).toBe(1);
    expect(service.stderr.trim().split('\n').sort()).toEqual(
      lines.map((line) => `nestor cannot start: ${line}`).sort(),
    );
  }

  it('names every setting that is wrong, in plain lines, with exit code 1', async () => {
    await expectRefusal({ PORT: 'eighty', DOCS: 'maybe', LOG_LEVEL: 'loud' }, [
      'PORT must be a whole number from 0 to 65535',
      'DOCS must be true or false',
      'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent',
    ]);
  });

  it('reads .env, and points at names in it that are no settings', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'nestor-cwd-'));
    await writeFile(join(cwd, '.env'), `MODELS_DIR=${SHIPPED}\nDEFAULT_MODEL=iris\nMAX_BATCHSIZE=3\n`);
    const service = await ServiceProcess.start({ LOG_REQUESTZ: 'off' }, cwd);
    await service.url();
    await service.stop();
    const messages = service.log.map(({ msg }) => msg);
    expect(messages).toContain('MAX_BATCHSIZE is not a setting; did you mean MAX_BATCH_SIZE?');
    expect(messages).toContain('LOG_REQUESTZ is not a setting; did you mean LOG_REQUESTS?');
    expect(service.stdout).toContain('sepal_length');
  });

  it('points at what is in the folder and means nothing', async () => {
    const property = (schema: string) =>
      `features: {type: object, required: [a], properties: {a: ${schema}}}\noutput: {task: regression}\n`;
    const folder = await ModelFolder.with({
      'wines/1/model.onnx': linearModel([1]),
      'wines/1/signature.yaml': property('{type: number}'),
      'm/model.yml': '',
      'm/1/model.onnx': linearModel([1]),
      'm/1/signature.yaml': property('{type: number, unit: USD, nullable: true, x-mine: 1}'),
      'm/1/golden.yaml': '',
      'm/2/model.onnx': linearModel([1]),
      'm/2/signature.yaml': property('{type: number, minimum: 5, maximum: 3}'),
      'm/3/credit.onnx': linearModel([1]),
      'm/3/signature.yml': '',
    });
    const service = await ServiceProcess.start({
      MODELS_DIR: folder.path,
      REQUIRED_MODELS: 'm,wine',
      DEFAULT_MODEL: 'm',
    });
    await service.url();
    await service.stop();
    const warnings = service.log.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
    expect(warnings).toEqual([
      'm/model.yml: ignored, name it model.yaml',
      'm/1/golden.yaml: ignored, name it golden.json',
      'm/3/credit.onnx: ignored, name it model.onnx',
      'm/3/signature.yml: ignored, name it signature.yaml',
      'signature.yaml:1: features: JSON Schema has no `unit`, `nullable`: it checks nothing',
      'signature.yaml:1: features.properties.a: no example could be made (must be a number from 5 to 3): give `examples`, or correct its limits',
      'REQUIRED_MODELS wine is not among the models: not ready; did you mean "wines"?',
    ]);
    await folder.remove();
  });

  it('a .env that cannot be read: one line, exit code 1', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'nestor-cwd-'));
    await mkdir(join(cwd, '.env'));
    await expectRefusal({ MODELS_DIR: SHIPPED }, ['.env cannot be read (EISDIR)'], cwd);
  });

  it('loads what the documentation needs when that is asked for, and what a terminal needs never', async () => {
    const service = await ServiceProcess.start({ MODELS_DIR: SHIPPED, NODE_OPTIONS: TELLS_PACKAGES });
    const url = await service.url();
    await post(url, APPLICANT).then((answer) => answer.text());
    const atFirst = service.stderr.split('\n');
    expect(atFirst).toEqual(expect.arrayContaining(['@nestjs/core', 'ajv', 'pino']));
    for (const name of ['@nestjs/swagger', 'pino-pretty']) expect(atFirst).not.toContain(name);
    await fetch(`${url}/openapi.json`).then((answer) => answer.text());
    expect(service.stderr.split('\n')).toContain('@nestjs/swagger');
    await service.stop();
  });

  it('a model folder that is missing, empty, a file or unreadable: one line, exit code 1', async () => {
    const folder = await ModelFolder.with({ 'a-file': '' });
    const missing = join(folder.path, 'missing');
    await expectRefusal({ MODELS_DIR: missing }, [`MODELS_DIR ${missing} does not exist`]);
    await expectRefusal({ MODELS_DIR: folder.path }, [
      `MODELS_DIR ${folder.path} holds no model: add one as <model>/<version>/model.onnx`,
    ]);
    await expectRefusal({ MODELS_DIR: join(folder.path, 'a-file') }, [
      `MODELS_DIR ${join(folder.path, 'a-file')} is not a folder`,
    ]);
    if (process.getuid?.() !== 0) {
      await chmod(folder.path, 0);
      await expectRefusal({ MODELS_DIR: folder.path }, [`MODELS_DIR ${folder.path} cannot be read: permission denied`]);
      await chmod(folder.path, 0o700);
    }
    await folder.remove();
  });

  it('a port that is taken: one line, exit code 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await expectRefusal({ MODELS_DIR: SHIPPED, PORT: String(port) }, [
      `127.0.0.1:${port} is taken: stop what listens there, or set PORT`,
    ]);
    other.close();
  });
});
