import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SourceProblem } from '../../common/source-file.js';
import { type ApiKey, newKey } from './api-key.js';
import { readKeyFile } from './key-file.js';

describe('the file of keys', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-keys-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const created = new Date().toISOString();
  const keys = ['a', 'b'].map((name): ApiKey => {
    const { id, hash } = newKey();
    return { id, name, hash, scopes: ['predict'], models: ['m'], created, expires: created };
  });
  async function outcome(text: string): Promise<ApiKey[] | string> {
    const path = join(folder, 'api-keys.json');
    await writeFile(path, text);
    try {
      return await readKeyFile(path);
    } catch (error) {
      if (!(error instanceof SourceProblem)) throw error;
      return error.message;
    }
  }
  const withFirst = (change: object) => JSON.stringify({ keys: [{ ...keys[0], ...change }, keys[1]] });

  it('is read as it was written', async () => {
    expect(await outcome(JSON.stringify({ keys }))).toEqual(keys);
  });

  it.each([
    ['a hash that is none', withFirst({ hash: 'abc' }), /api-keys.json:1: keys.0.hash: must be/],
    ['no scope', withFirst({ scopes: [] }), /keys.0.scopes: must be/],
    ['another scope', withFirst({ scopes: ['root'] }), /keys.0.scopes.0: must be/],
    ['no model: that would be all for a list that was emptied', withFirst({ models: [] }), /keys.0.models: must be/],
    ['a model that is a path', withFirst({ models: ['../m'] }), /keys.0.models.0: must be/],
    ['an end that is no time', withFirst({ expires: 'tomorrow' }), /keys.0.expires: must be/],
    ['an end that is a number', withFirst({ expires: 1 }), /keys.0.expires: must be/],
    ['a name that breaks lines', withFirst({ name: 'a\n' }), /keys.0.name: must be/],
    ['an id twice', withFirst({ id: keys[1]?.id }), /keys.1.id: is that of another key, too$/],
    ['a list', '[]', /must be/],
    ['null', 'null', /keys: is required/],
    ['a number', '5', /must be/],
  ])('refuses %s', async (_, text, message) => {
    expect(await outcome(text)).toMatch(message);
  });

  it('damaged in any way it is read or refused, and no hash is told', async () => {
    const whole = JSON.stringify({ keys }, undefined, 2);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), fc.nat(40), fc.string({ maxLength: 5 }), async (at, length, put) => {
        const told = await outcome(whole.slice(0, at) + put + whole.slice(at + length));
        if (typeof told === 'string') for (const { hash } of keys) expect(told).not.toContain(hash);
      }),
      { numRuns: 500 },
    );
  });
});
