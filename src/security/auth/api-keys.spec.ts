import * as crypto from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type PinoLogger } from 'nestjs-pino';
import { type ApiKeys } from './api-keys.js';

/** What is asked of Node's crypto, which does it. */
const asked: string[] = [];
jest.unstable_mockModule('node:crypto', () => ({
  ...crypto,
  hash: (algorithm: string, text: string, encoding: 'buffer') => {
    asked.push(`${algorithm} of ${text.length}`);
    return crypto.hash(algorithm, text, encoding);
  },
  timingSafeEqual: (...words: Parameters<typeof crypto.timingSafeEqual>) => {
    asked.push(`compare ${words[0].byteLength} with ${words[1].byteLength}`);
    return crypto.timingSafeEqual(...words);
  },
}));

describe('ApiKeys', () => {
  const created = new Date().toISOString();
  const right = `nestor_${'a'.repeat(12)}_${'b'.repeat(48)}`;
  let folder: string;
  let keys: ApiKeys;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-keys-'));
    const path = join(folder, 'api-keys.json');
    const one = { id: 'a'.repeat(12), name: 'a', hash: crypto.hash('sha256', right), scopes: ['read'], created };
    await writeFile(path, JSON.stringify({ keys: [one, { ...one, id: 'c'.repeat(12), revoked: created }] }));
    const { ApiKeys } = await import('./api-keys.js');
    keys = new ApiKeys(path, { info: () => undefined } as unknown as PinoLogger);
    await keys.open();
  });
  afterAll(async () => {
    keys.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['the right key', right, 'a'],
    ['another secret', right.replace(/b$/, 'c'), 'The API key is not valid.'],
    ['an id that nobody has', `nestor_${'d'.repeat(12)}_${'b'.repeat(48)}`, 'The API key is not valid.'],
    ['the secret of another id', `nestor_${'c'.repeat(12)}_${'b'.repeat(48)}`, 'The API key is not valid.'],
    ['an id that objects inherit', 'nestor___proto____constructor', 'The API key is not valid.'],
  ])('does the same work for %s', (_, key, outcome) => {
    asked.length = 0;
    const found = () => {
      try {
        return keys.principal(key).name;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(found()).toBe(outcome);
    expect(asked).toEqual([`sha256 of ${key.length}`, 'compare 32 with 32']);
  });
});
