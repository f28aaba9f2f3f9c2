import { createHmac } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { type RequestListener } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, importJWK, type CryptoKey } from 'jose';
import { Issuer } from './support/issuer.js';
import { KeyRing, showing } from './support/key-ring.js';
import { memoryInUse } from './support/memory-in-use.js';
import { APPLICANT } from './support/rows.js';
import { Service } from './support/service.js';
import { until } from './support/until.js';

jest.setTimeout(120_000);
const now = () => Math.floor(Date.now() / 1000);
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

let ring: KeyRing;
let issuer: Issuer;
let service: Service;
beforeAll(async () => {
  ring = await KeyRing.make();
});
afterAll(() => ring.remove());

async function start(settings: Record<string, string> = {}): Promise<void> {
  service = await Service.start({ ...ring.environment, JWT_JWKS: issuer.url, ...settings });
}
/** What a token is answered with: the status, and what is said of it. */
async function outcome(token: string, by = service): Promise<string> {
  const { status, json, headers } = await by.call('GET', '/v1/models', { headers: showing(token) });
  return status === 200 ? '200' : `${status} ${json.code}: ${json.detail} ${headers.get('WWW-Authenticate') ?? ''}`;
}
const refused = (detail: string) => `401 unauthorized: ${detail} Bearer realm="nestor", error="invalid_token"`;
const INVALID = refused('The token is not valid.');
const AWAY = '503 dependency_unavailable: The keys that tokens are signed with cannot be read now. ';

describe('tokens', () => {
  beforeAll(async () => {
    issuer = await Issuer.start();
    await start({ JWT_ISSUER: 'https://issuer.test', JWT_AUDIENCE: 'nestor', JWT_CLOCK_SKEW_S: '5' });
  });
  afterAll(async () => {
    await service.stop();
    await issuer.stop();
  });

  const OURS = { iss: 'https://issuer.test', aud: 'nestor' };
  const sign = (claims: Record<string, unknown> = {}, header = {}) => issuer.sign({ ...OURS, ...claims }, header);

  it('are taken whichever algorithm of public keys they are signed with; in the header of API keys none is', async () => {
    const other = await Issuer.start();
    for (const algorithm of ['RS512', 'PS256', 'ES256', 'ES384', 'EdDSA']) await other.add(algorithm, algorithm);
    const own = await Service.start({ ...ring.environment, JWT_JWKS: other.url });
    try {
      for (const key of other.keys) {
        const token = await other.sign({}, {}, key);
        const { status } = await own.post('/predict', APPLICANT, showing(token));
        expect([key.algorithm, status]).toEqual([key.algorithm, 200]);
        expect((await own.post('/predict', APPLICANT, { 'X-API-Key': token })).status).toBe(401);
      }
    } finally {
      await own.stop();
      await other.stop();
    }
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['scopes in a string', { scope: 'openid read other:scope' }, '200'],
    ['scopes as scp', { scope: undefined, scp: 'read' }, '200'],
    ['scopes in a list', { scope: undefined, scp: ['read'] }, '200'],
    ['scope wins over scp', { scope: 'predict', scp: ['read'] }, 'scope="read"'],
    ['a scope in another case', { scope: 'READ' }, 'scope="read"'],
    ['a scope among others in one word', { scope: 'predict,read' }, 'scope="read"'],
    ['no scope', { scope: undefined }, 'scope="read"'],
    ['admin alone', { scope: 'admin' }, 'scope="read"'],
    ['scopes that are no strings', { scope: 7 }, 'a claim that is needed'],
    ['a list of audiences', { aud: ['other', 'nestor'] }, '200'],
    ['another audience', { aud: 'nestor2' }, 'made for another audience'],
    ['no audience', { aud: undefined }, 'lacks a claim'],
    ['another issuer', { iss: 'https://issuer.test/' }, 'made by another issuer'],
    ['no issuer', { iss: undefined }, 'lacks a claim'],
    ['expired', { exp: -10 }, 'has expired'],
    ['expired within the skew', { exp: -1 }, '200'],
    ['not yet', { nbf: 3600 }, 'is not valid yet'],
    ['not yet, within the skew', { nbf: 2 }, '200'],
    ['no end', { exp: undefined }, 'lacks a claim'],
    ['an end that is no number', { exp: '2030' }, 'lacks a claim'],
    ['no subject', { sub: undefined }, 'lacks a claim'],
    ['an empty subject', { sub: '' }, 'lacks a claim'],
    ['a subject with a line break', { sub: 'a\nlevel: fatal' }, 'lacks a claim'],
    ['a subject with a zero', { sub: 'a\0' }, 'lacks a claim'],
    ['a subject that is no text', { sub: { a: 1 } }, 'lacks a claim'],
    ['a very long subject', { sub: 'a'.repeat(256) }, 'lacks a claim'],
    ['models that are no names', { nestor_models: 7 }, 'lacks a claim'],
    ['models: none', { nestor_models: [] }, 'lacks a claim'],
    ['models: null', { nestor_models: null }, 'lacks a claim'],
  ])('%s', async (_, claims, wanted) => {
    const { exp, nbf } = claims; // in seconds from now on
    const times = { ...(typeof exp === 'number' && { exp: now() + exp }), ...(typeof nbf === 'number' && { nbf: now() + nbf }) }; // prettier-ignore
    expect(await outcome(await sign({ ...claims, ...times }))).toContain(wanted);
  });

  it('restrict to models, and name who did what', async () => {
    const token = await sign({ sub: 'auth0|Zoë "Z"', scope: 'read admin', nestor_models: 'iris other' });
    const { json } = await service.call('GET', '/v1/models', { headers: showing(token) });
    expect(json.models).toMatchObject([{ name: 'iris' }]);
    const choose = { body: '{"version":"1.0.0"}', headers: { ...showing(token), 'Content-Type': 'application/json' } };
    expect((await service.call('PUT', '/v1/models/digits/default', choose)).status).toBe(403);
    const { json: changed } = await service.call('PUT', '/v1/models/iris/default', choose);
    expect(changed.decisions[0].who).toBe('auth0|Zoë "Z"');
    // One that does not exist is not told what else there is.
    const { json: missing } = await service.call('GET', '/v1/models/other', { headers: showing(token) });
    expect(missing).toMatchObject({ code: 'model_not_found', detail: 'There is no model "other". Served: iris.' });
  });

  it('that are known are taken while they are valid, and no longer', async () => {
    const token = await sign({ exp: now() - 1 });
    expect(await outcome(token)).toBe('200');
    await until(async () => (await outcome(token)) !== '200');
    expect(await outcome(token)).toBe(refused('The token has expired.'));
  });

  describe('that are forged', () => {
    const claims = { ...OURS, sub: 'mallory', scope: 'predict read admin', exp: now() + 600 };

    it('are refused, whatever they say of themselves', async () => {
      const honest = await sign();
      const [head = '', body = '', signature = ''] = honest.split('.');
      const pem = await exportSPKI((await importJWK(issuer.current.jwk, 'RS256')) as CryptoKey);
      const hmac = (alg: string, secret: string, header = {}) => {
        const text = `${part({ alg, kid: 'first', ...header })}.${part(claims)}`;
        return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      };
      const mallory = await generateKeyPair('RS256');
      const jwk = await exportJWK(mallory.publicKey);
      const bySelf = (header: object) => issuer.sign(claims, { ...header }, { ...issuer.current, privateKey: mallory.privateKey }); // prettier-ignore
      for (const [name, token] of Object.entries({
        'alg none, empty signature': `${part({ alg: 'none' })}.${part(claims)}.`,
        'alg none, some signature': `${part({ alg: 'none', kid: 'first' })}.${part(claims)}.${signature}`,
        'alg NoNe': `${part({ alg: 'NoNe' })}.${part(claims)}.${signature}`,
        'HS256 by the public key in PEM': hmac('HS256', pem),
        'HS256 by the public key as JWK': hmac('HS256', JSON.stringify(issuer.current.jwk)),
        'HS256 by the modulus': hmac('HS256', String(issuer.current.jwk.n)),
        'HS256 said to be RS256': hmac('RS256', pem),
        'HS256 by nothing': hmac('HS256', ''),
        'another key of the same name': await bySelf({}),
        'its own key in the header': await bySelf({ jwk }),
        'a URL in the header': await bySelf({ jku: `http://127.0.0.1:1/jwks.json`, x5u: 'http://127.0.0.1:1/' }),
        'an unknown kid': await bySelf({ kid: 'nobody' }),
        'a kid that climbs': await bySelf({ kid: '../../../../dev/null' }),
        'a kid that is SQL': await bySelf({ kid: "' or 1=1 --" }),
        'a kid that is a list': await bySelf({ kid: ['first'] }),
        'a kid that is inherited': await bySelf({ kid: '__proto__' }),
        'no kid': await bySelf({ kid: undefined }),
        'other claims under an honest signature': `${head}.${part(claims)}.${signature}`,
        'another algorithm under an honest signature': `${part({ alg: 'PS256', kid: 'first' })}.${body}.${signature}`,
        'a header of rubbish': `bm90IGpzb24.${body}.${signature}`,
        'a body of rubbish': `${head}.bm90IGpzb24.${signature}`,
        'a critical extension': `${part({ alg: 'RS256', kid: 'first', crit: ['x'], x: 1 })}.${body}.${signature}`,
        'an unencoded body': `${part({ alg: 'RS256', kid: 'first', b64: false, crit: ['b64'] })}.${body}.${signature}`,
        'ES256 by zeros': `${part({ alg: 'ES256', kid: 'first' })}.${body}.${Buffer.alloc(64).toString('base64url')}`,
      })) {
        const answer = await outcome(token);
        // Whose signature is missing altogether is no token.
        const wanted = token.endsWith('.') ? refused('The credentials are not in the form of an API key or a token.') : INVALID; // prettier-ignore
        expect([name, answer]).toEqual([name, wanted]);
      }
      expect(await outcome(honest)).toBe('200');
    });

    it('encrypted, signed twice or larger than any token, are refused unread', async () => {
      const token = await sign();
      for (const odd of [
        `${token}.${token}`,
        `${token}.x`,
        JSON.stringify({ payload: 'x', signatures: [] }),
        `${part({ alg: 'RS256' })}.${'a'.repeat(8200)}.x`,
        '..',
        'a.b',
      ]) {
        const answer = await outcome(odd);
        expect([odd.slice(0, 20), answer.slice(0, 16)]).toEqual([odd.slice(0, 20), '401 unauthorized']);
      }
      expect(await outcome(await sign({ padding: 'a'.repeat(5000) }))).toBe('200');
      const nested = `${part({ alg: 'RS256', kid: 'first' })}.${Buffer.from('['.repeat(5000)).toString('base64url')}.x`;
      expect(await outcome(nested)).toBe(INVALID);
    });

    it('10,000 times, each in another way, leave nothing behind and others alone', async () => {
      const [head = '', , signature = ''] = (await sign()).split('.');
      const forge = (i: number) => {
        if (i % 3 === 0) return `${head}.${part({ ...claims, i })}.${signature}`;
        if (i % 3 === 1) return `${part({ alg: 'RS256', kid: `k${i}` })}.${part({ ...claims, i })}.${signature}`;
        return `nestor_${i.toString(16).padStart(12, '0')}_${'0'.repeat(48)}`;
      };
      const asked = issuer.asked;
      const honest = await sign();
      const send = async (from: number, count: number) => {
        for (let i = from; i < from + count; i += 50) {
          const answers = Array.from({ length: 50 }, (_, j) => outcome(forge(i + j)));
          expect(new Set((await Promise.all(answers)).map((answer) => answer.slice(0, 3)))).toEqual(new Set(['401']));
          expect(await outcome(honest)).toBe('200');
        }
      };
      await send(0, 2000);
      const before = memoryInUse();
      await send(2000, 8000);
      expect(memoryInUse() - before).toBeLessThan(8000 * 1024);
      // Kids that were made up have the keys looked at, but not each time.
      expect(issuer.asked - asked).toBeLessThan(10);
      const page = await service.call('GET', '/metrics', { headers: showing(honest) });
      expect(page.text.match(/nestor_auth_failures_total\{/g)?.length).toBeLessThan(14);
    });
  });
});

describe('signing keys', () => {
  beforeAll(async () => {
    issuer = await Issuer.start();
  });
  afterEach(async () => {
    issuer.misbehaves = undefined;
    await service.stop();
    await issuer.stop();
    issuer = await Issuer.start();
  });
  afterAll(() => issuer.stop());

  it('are fetched again where a token has one that is not known, and tokens of one that is withdrawn fall out', async () => {
    const path = join(ring.folder, 'jwks.json');
    const publish = async () => {
      await writeFile(`${path}.new`, JSON.stringify(issuer.jwks));
      await rename(`${path}.new`, path);
    };
    await publish();
    await start({ JWT_JWKS: path });
    const old = await issuer.sign({});
    expect([await outcome(old), await outcome(old)]).toEqual(['200', '200']);
    await issuer.add('second');
    await publish();
    const fresh = await issuer.sign({});
    await until(async () => (await outcome(fresh)) === '200');
    expect(await outcome(old)).toBe('200');
    issuer.withdraw();
    await publish();
    await until(async () => (await outcome(old)) === INVALID);
    expect(await outcome(fresh)).toBe('200');
  });

  it('rotate at a server: the new one is taken once it is asked for', async () => {
    await start();
    const old = await issuer.sign({});
    expect(await outcome(old)).toBe('200');
    await issuer.add('second');
    const fresh = await issuer.sign({});
    await until(async () => (await outcome(fresh)) === '200');
    issuer.withdraw();
    await issuer.add('third');
    await until(async () => (await outcome(await issuer.sign({}))) === '200');
    expect(await outcome(old)).toBe(INVALID);
  });

  it('go on being used while their server is away; a token whose key nobody can look up is answered 503', async () => {
    await start();
    const known = await issuer.sign({});
    expect(await outcome(known)).toBe('200');
    await issuer.stop();
    await issuer.add('second');
    const unknown = await issuer.sign({});
    await until(async () => (await outcome(unknown)) === AWAY);
    expect(await outcome(known)).toBe('200');
    const another = await issuer.sign({ n: 1 }, { kid: 'first' }, { ...issuer.current, kid: 'first' });
    expect(await outcome(another)).toBe(INVALID);
    await issuer.listen();
    await until(async () => (await outcome(unknown)) === '200');
  });
});

describe('a server of signing keys', () => {
  const MISBEHAVIOURS: Record<string, RequestListener> = {
    hangs: () => undefined,
    'sends a byte a second': (_, response) => {
      const timer = setInterval(() => response.write(' '), 1000);
      response.on('close', () => {
        clearInterval(timer);
      });
    },
    'sends 10 MB': (_, response) => response.end(`{"keys": [], "padding": "${'x'.repeat(10_000_000)}"}`),
    'sends for ever': (_, response) => {
      const more = () => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    },
    'sends rubbish': (_, response) => response.end('<html>'),
    'sends no set of keys': (_, response) => response.end('{"keys": {"a": 1}}'),
    'answers 500': (_, response) => response.writeHead(500).end('{"keys": []}'),
    'answers with another place': (_, response) => response.writeHead(302, { Location: '/jwks.json?again' }).end(),
    'cuts off': (request) => request.socket.destroy(),
  };

  async function suffer(what: string, misbehaves: RequestListener): Promise<void> {
    const own = await Issuer.start();
    own.misbehaves = misbehaves;
    const served = await Service.start({ ...ring.environment, JWT_JWKS: own.url }); // does not wait for it
    try {
      const token = await own.sign({});
      const began = performance.now();
      expect([what, await outcome(token, served), await outcome(key, served)]).toEqual([what, AWAY, '200']);
      expect(performance.now() - began).toBeLessThan(10_000);
      own.misbehaves = undefined;
      await until(async () => (await outcome(token, served)) === '200');
      own.misbehaves = misbehaves;
      const unknown = await own.sign({}, { kid: 'unknown' });
      const ask = () => Promise.all([outcome(unknown, served), outcome(token, served)]);
      for (const [ofUnknown, ofKnown] of await Promise.all(Array.from({ length: 20 }, ask))) {
        expect([INVALID, AWAY]).toContain(ofUnknown);
        expect([what, ofKnown]).toEqual([what, '200']);
      }
    } finally {
      await served.stop();
      await own.stop();
    }
  }

  let key: string;
  beforeAll(async () => {
    key = await ring.add('someone', ['read']);
  });

  it('whatever it does: what is known is used, and nothing waits for long', async () => {
    await Promise.all(Object.entries(MISBEHAVIOURS).map(([what, misbehaves]) => suffer(what, misbehaves)));
  });
});
