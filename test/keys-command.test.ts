import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type ApiKey } from '../src/security/auth/api-key.js';

jest.setTimeout(120_000);
const NESTOR = join(process.cwd(), 'dist', 'cli', 'nestor.js');

describe('nestor keys', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-cli-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const file = () => join(folder, 'data', 'api-keys.json');
  const kept = async () => (JSON.parse(await readFile(file(), 'utf8')) as { keys: ApiKey[] }).keys;
  const begin = (words: string[], environment: Record<string, string> = {}) =>
    spawn(process.execPath, [NESTOR, 'keys', ...words], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...environment },
    });
  async function keys(words: string, environment: Record<string, string> = {}) {
    const child = begin(words.split(' '), environment);
    const [out, error] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: child.exitCode, out, error };
  }

  it('create shows the key once, alone on standard output, and keeps only its hash', async () => {
    const { code, out, error } = await keys('create scoring --scope predict --scope read --model iris --expires 90d');
    expect(code).toBe(0);
    expect(out).toMatch(/^nestor_[0-9a-f]{12}_[0-9a-f]{48}\n$/);
    const [, id = '', secret = ''] = out.trim().split('_');
    expect(error).toContain(`API key scoring (${id}) with predict, read: it is shown this once`);
    expect(error).toContain('AUTH is off');
    const [key, ...others] = await kept();
    const hash = createHash('sha256').update(out.trim()).digest('hex');
    expect(key).toMatchObject({ id, name: 'scoring', hash, scopes: ['predict', 'read'], models: ['iris'] });
    expect(others).toEqual([]);
    const days = (Date.parse(key?.expires ?? '') - Date.parse(key?.created ?? '')) / 86_400_000;
    expect(days).toBeCloseTo(90, 3);
    expect(await readFile(file(), 'utf8')).not.toContain(secret);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await readdir(join(folder, 'data'))).sort()).toEqual(['api-keys.json', 'api-keys.json.lock']);
  });

  it('create without more makes a key that may predict, with any model, for ever', async () => {
    const { error } = await keys('create a', { AUTH: 'on' });
    expect(error).not.toContain('AUTH is off');
    expect((await kept())[0]).toEqual({ id: expect.any(String), name: 'a', hash: expect.any(String), scopes: ['predict'], created: expect.any(String) }); // prettier-ignore
  });

  it('list shows all but what only the holders know', async () => {
    expect((await keys('list')).error).toBe('There are no API keys in ./data/api-keys.json.\n');
    const shown = [];
    for (const name of ['one', 'two']) shown.push((await keys(`create ${name} --scope admin`)).out.trim());
    await keys('revoke one');
    const { code, out } = await keys('list');
    const lines = out.trimEnd().split('\n').map((line) => line.split(/ +/)); // prettier-ignore
    expect(code).toBe(0);
    expect(lines[0]).toEqual(['ID', 'NAME', 'SCOPES', 'MODELS', 'CREATED', 'EXPIRES', 'REVOKED']);
    expect(lines.slice(1).map((line) => line.slice(1, 4))).toEqual([['one', 'admin', 'all'], ['two', 'admin', 'all']]); // prettier-ignore
    expect(lines.map(({ length }) => length)).toEqual([7, 6, 5]);
    for (const key of shown) expect(out).not.toContain(key.split('_')[2]);
    for (const { hash } of await kept()) expect(out).not.toContain(hash);
  });

  it('revoke takes an id or a name, may be repeated, and asks which where a name is that of several', async () => {
    for (const name of ['one', 'twice', 'twice']) await keys(`create ${name}`);
    const [one, first, second] = await kept();
    expect((await keys('revoke one')).error).toMatch(new RegExp(`^API key one \\(${one?.id}\\) is revoked since 2`));
    const since = (await kept())[0]?.revoked;
    expect(await keys('revoke one')).toMatchObject({
      code: 0,
      error: expect.stringContaining(String(since)) as unknown,
    });
    expect((await kept())[0]?.revoked).toBe(since);
    const { code, error } = await keys('revoke twice');
    expect([code, error]).toEqual([1, `nestor: 2 keys have the name twice: say which by its id, ${first?.id} or ${second?.id}\n`]); // prettier-ignore
    await keys(`revoke ${first?.id}`);
    expect((await keys('revoke twice')).error).toContain(`(${second?.id})`);
    expect((await kept()).every(({ revoked }) => revoked !== undefined)).toBe(true);
    expect(await keys('revoke nobody')).toMatchObject({ code: 1, error: 'nestor: there is no API key of this name or id: see `nestor keys list`\n' }); // prettier-ignore
  });

  it('20 at the same time lose nothing, whoever reads meanwhile finds a whole file, and one that is killed is no matter', async () => {
    await keys('create first');
    const over = new AbortController();
    let reads = 0;
    const reading = (async () => {
      for (; !over.signal.aborted; reads++) expect((await kept()).length).toBeGreaterThan(0);
    })();
    const doomed = Array.from({ length: 6 }, () => begin(['create', 'doomed']));
    const made = Array.from({ length: 20 }, (_, i) => keys(`create key-${i}`));
    for (const [i, child] of doomed.entries()) {
      await sleep(100 + 80 * i);
      child.kill('SIGKILL');
    }
    for (const { code, out } of await Promise.all(made)) expect([code, out.length]).toEqual([0, 69]);
    over.abort();
    await reading;
    expect(reads).toBeGreaterThan(10);
    const names = (await kept()).map(({ name }) => name).filter((name) => name.startsWith('key-'));
    expect(names.sort()).toEqual(Array.from({ length: 20 }, (_, i) => `key-${i}`).sort());
    const ids = (await kept()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await keys('create last')).code).toBe(0);
    expect((await readdir(join(folder, 'data'))).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('a link stays one, its file is replaced; whose group may read it still may, and nobody else', async () => {
    await mkdir(join(folder, 'elsewhere'));
    await mkdir(join(folder, 'data'));
    const real = join(folder, 'elsewhere', 'keys.json');
    await writeFile(real, '{"keys": []}');
    await chmod(real, 0o644);
    await symlink('../elsewhere/keys.json', file());
    expect((await keys('create a')).code).toBe(0);
    expect(await kept()).toHaveLength(1);
    expect(await readFile(real, 'utf8')).toContain('"name": "a"');
    expect((await stat(real)).mode & 0o777).toBe(0o640);
  });

  it('what cannot be read or written is told in a line, and changes nothing', async () => {
    await writeFile(join(folder, 'data'), 'a file');
    expect(await keys('create a')).toMatchObject({ code: 1, out: '', error: 'nestor: ./data/api-keys.json: cannot be written (EEXIST)\n' }); // prettier-ignore
    await rm(join(folder, 'data'));
    await mkdir(join(folder, 'data'));
    await writeFile(file(), '{"keys": [\n{"id": "x"}]}');
    for (const words of ['create a', 'list', 'revoke a']) {
      const { code, out, error } = await keys(words);
      expect([words, code, out]).toEqual([words, 1, '']);
      expect(error).toMatch(/^nestor: \S+api-keys.json:2: keys.0.name: is required.*\n$/);
    }
    expect(await readFile(file(), 'utf8')).toBe('{"keys": [\n{"id": "x"}]}');
  });

  it.each([
    'create', 'create a b', 'create ../a', 'create .a', 'create local', 'create a --scope', 'create a --scope Admin',
    'create a --scope predict,read', 'create a --scopes read', 'create a --model ../x', 'create a --expires 0d',
    'create a --expires 90', 'create a --expires -1d', 'create a --expires 9999999w', 'create a --expires 1y',
    'revoke', 'revoke a b', 'list all', 'lst',
  ])('`keys %s` is not understood: its usage is shown, the exit code is 2, and nothing is made', async (words) => {
    const { code, out, error } = await keys(words);
    expect([code, out]).toEqual([2, '']);
    expect(error).toMatch(/usage: nestor keys|Usage:/i);
    expect(error).not.toMatch(/\n {4}at /);
    expect(await readdir(folder)).toEqual([]);
  }); // prettier-ignore
});
