import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { RawClient, requestText } from './support/raw.js';
import { APPLICANT } from './support/rows.js';
import { type Answer, Service } from './support/service.js';
import { until } from './support/until.js';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const ROW = JSON.stringify(APPLICANT);
const PREDICT = requestText('POST /predict', JSON_TYPE, ROW);
/** What an attacker would have the server take for a request of somebody else. */
const SMUGGLED = requestText('GET /smuggled');

/** The head of a prediction, with headers as they are given. */
const head = (...headers: string[]) =>
  ['POST /predict HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...headers, '', ''].join('\r\n');
const CHUNKED = 'Transfer-Encoding: chunked';

describe('a public service', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start({ CORS_ORIGINS: 'https://app.example.com,http://localhost:3000' });
  });
  afterAll(() => service.stop());

  describe('refuses what a proxy may read in another way, and closes the connection', () => {
    it.each([
      ['both lengths', head('Content-Length: 4', CHUNKED) + '0\r\n\r\n'],
      ['both lengths, the other way round', head(CHUNKED, 'Content-Length: 4') + '0\r\n\r\n'],
      ['two lengths that differ', head('Content-Length: 2', 'Content-Length: 3') + '{}'],
      ['two lengths that agree', head('Content-Length: 2', 'Content-Length: 2') + '{}'],
      ['a list of lengths', head('Content-Length: 2, 2') + '{}'],
      ['a length with a sign', head('Content-Length: +2') + '{}'],
      ['a negative length', head('Content-Length: -2') + '{}'],
      ['a hexadecimal length', head('Content-Length: 0x2') + '{}'],
      ['a length with a space in it', head('Content-Length: 2 2') + '{}'],
      ['an empty length', head('Content-Length: ') + '{}'],
      ['a length beyond 64 bits', head('Content-Length: 18446744073709551618') + '{}'],
      ['a space before the colon of a length', head('Content-Length : 2') + '{}'],
      ['a space before the colon of a coding', head('Transfer-Encoding : chunked') + '0\r\n\r\n'],
      ['a coding that is not known', head('Transfer-Encoding: xchunked') + '0\r\n\r\n'],
      ['a coding after chunked', head('Transfer-Encoding: chunked, identity') + '0\r\n\r\n'],
      ['a coding before chunked', head('Transfer-Encoding: gzip, chunked') + '2\r\n{}\r\n0\r\n\r\n'],
      ['chunked twice', head(CHUNKED, CHUNKED) + '0\r\n\r\n'],
      ['identity, then chunked', head('Transfer-Encoding: identity', CHUNKED) + '0\r\n\r\n'],
      ['a coding behind a vertical tab', head('Transfer-Encoding: \x0bchunked') + '0\r\n\r\n'],
      ['a coding in quotes', head('Transfer-Encoding: "chunked"') + '0\r\n\r\n'],
      ['a coding in a folded line', head('Transfer-Encoding:', ' chunked') + '0\r\n\r\n'],
      ['a coding after a line feed alone', head('X: y\nTransfer-Encoding: chunked') + '0\r\n\r\n'],
      ['a coding after a carriage return alone', head('X: y\rTransfer-Encoding: chunked') + '0\r\n\r\n'],
      ['a coding in HTTP/1.0', head(CHUNKED).replace('HTTP/1.1', 'HTTP/1.0') + '0\r\n\r\n'],
      ['lines that end with a line feed alone', head('Content-Length: 2').replaceAll('\r\n', '\n') + '{}'],
      ['a chunk size behind a line feed alone', head(CHUNKED) + '2\n{}\r\n0\r\n\r\n'],
      ['a chunk that is longer than its size', head(CHUNKED) + '1\r\n{}\r\n0\r\n\r\n'],
      ['a chunk size beyond 64 bits', head(CHUNKED) + 'fffffffffffffffff\r\n{}\r\n0\r\n\r\n'],
      ['a negative chunk size', head(CHUNKED) + '-2\r\n{}\r\n0\r\n\r\n'],
      ['a chunk size with a prefix', head(CHUNKED) + '0x2\r\n{}\r\n0\r\n\r\n'],
      ['a length among the trailers', head(CHUNKED) + '2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n'],
      ['a header name with a space', head('X Y: z', 'Content-Length: 2') + '{}'],
      ['a header without a name', head(': z', 'Content-Length: 2') + '{}'],
      ['a header line that is folded', head('X: y', ' z', 'Content-Length: 2') + '{}'],
      ['a zero in a header', head('X: a\0b', 'Content-Length: 2') + '{}'],
      ['a first header line that is folded', 'POST /predict HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n'],
      ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
      ['two hosts', 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
      ['a host that is none', 'GET /health HTTP/1.1\r\nHost: a b\r\n\r\n'],
      ['a host with a path', 'GET /health HTTP/1.1\r\nHost: a/b\r\n\r\n'],
      ['HTTP/0.9', 'GET /health\r\n\r\n'],
      ['HTTP/1.2', 'GET /health HTTP/1.2\r\nHost: x\r\n\r\n'],
      ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['tabs in the request line', 'GET\t/health\tHTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a method that is not known', 'FOO /health HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a method in small letters', 'get /health HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a zero in the path', 'GET /hea\0lth HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a path that is not ASCII', 'GET /healt\xe9 HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a path with backslashes', 'GET \\health HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a line that is no request', 'hello\r\n\r\n'],
    ])('%s', async (_, bytes) => {
      const client = await RawClient.to(service.url);
      const answers = await client.send(bytes + SMUGGLED).closed();
      expect(answers.map(({ status }) => status)).toEqual([400]);
      const [{ headers, body } = { headers: {}, body: '' }] = answers;
      expect(headers).toMatchObject({ 'content-type': 'application/problem+json; charset=utf-8', connection: 'close' });
      expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'malformed_request' });
      expectSecured(headers);
    });

    it.each([
      ['headers of 20 KB', requestText('GET /health', { X: 'a'.repeat(20_000) }), 431, 'headers_too_large'],
      ['4,000 headers', `GET /health HTTP/1.1\r\nHost: x\r\n${'a:b\r\n'.repeat(4000)}\r\n`, 431, 'headers_too_large'],
      ['a path of 20 KB', requestText(`GET /${'a'.repeat(20_000)}`), 431, 'headers_too_large'],
      [
        'a chunk extension of 20 KB',
        `${head(CHUNKED)}2;${'a'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`,
        413,
        'payload_too_large',
      ],
    ])('%s', async (_, bytes, status, code) => {
      const client = await RawClient.to(service.url);
      const answers = await client.send(bytes).closed();
      expect(answers).toMatchObject([{ status, headers: { connection: 'close' } }]);
      expect(answers[0]?.body).toContain(`"code":"${code}"`);
    });

    it('CONNECT gets no tunnel, and no answer', async () => {
      const client = await RawClient.to(service.url);
      expect(await client.send('CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n').closed()).toEqual([]);
    });
  });

  it('answers requests that come in one go in their order, the slow before the fast', async () => {
    const client = await RawClient.to(service.url);
    const batch = requestText(
      'POST /predict/batch',
      JSON_TYPE,
      JSON.stringify({ requests: Array(100).fill(APPLICANT) }),
    );
    const one = await client.send(batch + PREDICT + requestText('GET /nope') + PREDICT).answers(4);
    expect(one.map(({ status }) => status)).toEqual([200, 200, 404, 200]);
    expect(one[0]?.body).toContain('"batch_size":100');
    client.leave();
  });

  it('a request that is refused takes no answer of one before it', async () => {
    const client = await RawClient.to(service.url);
    const answers = await client.send(PREDICT + head('Content-Length: 1', 'Content-Length: 2') + '{}').closed();
    expect(answers.map(({ status }) => status)).not.toContain(400); // it would stand where the prediction was due
    const polite = await RawClient.to(service.url);
    const both = await polite.send(`${PREDICT}GET /health HTTP/1.1\r\nHost: a b\r\n\r\n${SMUGGLED}`).closed();
    expect(both.map(({ status }) => status)).toEqual([200, 400]);
  });

  it.each([
    ['Expect: 100-continue', requestText('POST /predict', { ...JSON_TYPE, Expect: '100-continue' }, ROW), [100, 200]],
    [
      'another expectation, which is none of ours',
      requestText('POST /predict', { ...JSON_TYPE, Expect: 'a-miracle' }, ROW),
      [200],
    ],
    [
      'an upgrade to HTTP/2, which is not taken',
      requestText(
        'POST /predict',
        {
          ...JSON_TYPE,
          Connection: 'Upgrade, HTTP2-Settings',
          Upgrade: 'h2c',
          'HTTP2-Settings': 'AAMAAABkAAQCAAAAAAIAAAAA',
        },
        ROW,
      ),
      [200],
    ],
    [
      'an upgrade to a web socket, which is not taken',
      requestText('GET /health', {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      }),
      [200],
    ],
    ['a body in chunks', `${head(CHUNKED)}${ROW.length.toString(16)}\r\n${ROW}\r\n0\r\n\r\n`, [200]],
    ['a proxy’s absolute path', requestText('POST http://evil.example/predict', JSON_TYPE, ROW), [200]],
    ['empty lines before a request', `\r\n\r\n${PREDICT}`, [200]],
    ['HTTP/1.0', 'GET /health HTTP/1.0\r\n\r\n', [200]],
    ['an empty host', 'GET /health HTTP/1.1\r\nHost: \r\n\r\n', [200]],
    ['a body where none is asked for', requestText('GET /health', {}, SMUGGLED), [200]],
    ['TRACE, which shows nothing', requestText('TRACE /predict', { 'X-Secret': 'hidden' }), [405]],
    ['OPTIONS of no page', requestText('OPTIONS /predict'), [405]],
    ['OPTIONS of the whole', requestText('OPTIONS *'), [404]],
  ])('%s', async (_, bytes, statuses) => {
    const client = await RawClient.to(service.url);
    const answers = await client.send(bytes).answers(statuses.length);
    expect(answers.map(({ status }) => status)).toEqual(statuses);
    expect(JSON.stringify(answers)).not.toContain('hidden');
    client.leave();
  });

  it.each(['/health', '/v1/models', '/docs', '/openapi.json'])(
    'HEAD %s says what GET does, without the body',
    async (path) => {
      const client = await RawClient.to(service.url, true);
      const [answer] = await client.send(requestText(`HEAD ${path}`)).answers(1);
      const got = await service.get(path);
      expect(answer?.status).toBe(200);
      expect(answer?.headers['content-length']).toBe(String(Buffer.byteLength(got.text)));
      client.leave();
    },
  );

  it.each([
    ['POST', '//predict'],
    ['POST', '/x/../predict'],
    ['POST', '/./predict'],
    ['POST', '/predict/..;/predict'],
    ['POST', '/%70redict'],
    ['POST', '/predict%2fbatch'],
    ['POST', '/predict%00'],
    ['GET', '/docs/../../package.json'],
    ['GET', '/docs/..%2f..%2fpackage.json'],
    ['GET', '/docs/%2e%2e/%2e%2e/package.json'],
    ['GET', '/redoc/.%00./package.json'],
    ['GET', '/v1/models/..'],
    ['GET', '/v1/models/%2e%2e%2f%2e%2e%2fpackage.json'],
    ['GET', '/v1/models/%00'],
    ['GET', '/v1/models/__proto__'],
    ['GET', '/v1/models/constructor'],
    ['GET', '/v1/models/iris/versions/__proto__'],
    ['GET', '/v1/models/iris/versions/..%2f..%2fcredit-risk'],
    ['POST', '/v1/models/__proto__/predict'],
    ['POST', '/v1/models/iris/versions/constructor/predict'],
    ['POST', '/v1/models/iris/versions/%2e%2e/predict'],
    ['GET', `/${'a'.repeat(15_000)}`],
    ['GET', `/${'a/'.repeat(7000)}`],
  ])('%s %s leads nowhere', async (method, path) => {
    const client = await RawClient.to(service.url);
    const [answer] = await client.send(requestText(`${method} ${path}`, JSON_TYPE, '{}')).answers(1);
    expect(answer?.status).toBe(404);
    expect(answer?.body).not.toContain('"nestor"');
    client.leave();
  });

  it.each([
    ['two of X-Model-Version', 'X-Model-Version: 1.0.0\r\nX-Model-Version: 2.0.0', 400, 'validation_failed'],
    ['a book as X-Model-Version', `X-Model-Version: ${'^'.repeat(10_000)}`, 400, 'validation_failed'],
    ['a prototype as X-Model-Version', 'X-Model-Version: __proto__', 404, 'version_not_found'],
    ['two of X-Request-Timeout-Ms', 'X-Request-Timeout-Ms: 100\r\nX-Request-Timeout-Ms: 100', 400, 'validation_failed'],
    ['a word as X-Request-Timeout-Ms', 'X-Request-Timeout-Ms: soon', 400, 'validation_failed'],
    ['0 as X-Request-Timeout-Ms', 'X-Request-Timeout-Ms: 0', 400, 'validation_failed'],
    ['two types', 'Content-Type: text/plain', 415, 'unsupported_media_type'],
    ['two codings', 'Content-Encoding: gzip\r\nContent-Encoding: gzip', 415, 'unsupported_media_type'],
    ['headers with names that objects inherit', '__proto__: x\r\nconstructor: x\r\ntoString: x', 200, undefined],
    ['two of X-Request-Id, which are none', 'X-Request-Id: a\r\nX-Request-Id: b', 200, undefined],
  ])('%s', async (_, headers, status, code) => {
    const client = await RawClient.to(service.url);
    const [answer] = await client.send(head(headers, `Content-Length: ${ROW.length}`) + ROW).answers(1);
    expect(answer?.status).toBe(status);
    expect((JSON.parse(answer?.body ?? '') as { code?: string }).code).toBe(code);
    expect(answer?.headers['x-request-id']).toMatch(/^[\da-f-]{36}$/);
    client.leave();
  });

  it('what a host is called by stands in no document', async () => {
    const client = await RawClient.to(service.url);
    for (const path of ['/docs', '/redoc', '/openapi.json', '/openapi.yaml', '/v1/models', '/nope']) {
      const headers = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example', Forwarded: 'host=evil.example' };
      const [answer] = await client.send(requestText(`GET ${path}`, headers)).answers(1);
      expect(JSON.stringify(answer)).not.toContain('evil');
    }
    client.leave();
  });

  it.each([
    ['10 MB of open lists', '['.repeat(10_000_000), [400, 413]],
    ['lists that are open, too few to be counted', '['.repeat(700_000), [400]],
    ['lists that are closed again, too few to be counted', '['.repeat(350_000) + ']'.repeat(350_000), [400]],
    ['10 MB of open objects', '{"a":'.repeat(2_000_000), [400, 413]],
    ['a number of 9 MB', '1'.repeat(9_000_000), [400]],
    ['9 MB of a text that does not end', `"${'\\u0061'.repeat(1_500_000)}`, [400]],
    ['9 MB of spaces', ' '.repeat(9_000_000), [400]],
    ['50 MB of zeros, compressed', gzipSync(Buffer.alloc(50_000_000)), [400, 413]],
  ])('%s: refused at once, and others are served meanwhile', async (_, body, statuses) => {
    const isText = typeof body === 'string';
    const asked = performance.now();
    const headers: Record<string, string> = isText ? JSON_TYPE : { ...JSON_TYPE, 'Content-Encoding': 'gzip' };
    const bomb = service.call('POST', '/predict', { body: isText ? body : new Uint8Array(body), headers });
    const beside = await Promise.all(Array.from({ length: 5 }, () => service.post('/predict', APPLICANT)));
    expect(beside.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(statuses).toContain((await bomb).status);
    expect(performance.now() - asked).toBeLessThan(10_000); // a second on an idle machine
  });

  /** What every answer says to browsers and caches. */
  function expectSecured(headers: Record<string, string>) {
    expect(headers).toMatchObject({
      'cache-control': expect.stringContaining('no-store'),
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
      'cross-origin-resource-policy': 'same-origin',
      'strict-transport-security': expect.stringContaining('max-age=31536000'),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('server');
  }

  const headersOf = ({ headers }: Answer) => Object.fromEntries(headers.entries());

  it.each([
    ['a prediction', 'POST', '/predict', ROW],
    ['a prediction by way of Express', 'POST', '/predict?a=1', ROW],
    ['a refused prediction', 'POST', '/predict', '{}'],
    ['a read', 'GET', '/v1/models', undefined],
    ['a probe', 'GET', '/health/ready', undefined],
    ['metrics', 'GET', '/metrics', undefined],
    ['a document', 'GET', '/openapi.json', undefined],
    ['nothing', 'GET', '/nope', undefined],
    ['a wrong method', 'PUT', '/predict', undefined],
    ['a change', 'DELETE', '/v1/models/nope/default', undefined],
  ])('%s is secured', async (_, method, path, body) => {
    expectSecured(
      headersOf(await service.call(method, path, { headers: JSON_TYPE, ...(body !== undefined && { body }) })),
    );
  });

  it.each([
    ['as JSON', 1, false, /^application\/json/],
    ['in binary', 1, true, /^application\/octet-stream/],
    ['compressed', 1000, false, /^application\/json/],
  ])('tensors %s are secured', async (_, rows, isBinary, type) => {
    const data = Array.from({ length: rows }, (_, row) => 1 + (row % 50) / 10);
    const names = ['sepal_length', 'sepal_width', 'petal_length', 'petal_width'];
    const inputs = names.map((name) => ({ name, datatype: 'FP32', shape: [rows, 1], data }));
    const body = JSON.stringify({ inputs, parameters: { binary_data_output: isBinary } });
    for (const query of ['', '?by=express']) {
      const asked = { headers: { ...JSON_TYPE, 'Accept-Encoding': 'gzip' }, body };
      const headers = headersOf(await service.call('POST', `/v2/models/iris/infer${query}`, asked));
      expectSecured(headers);
      expect(headers['content-type']).toMatch(type);
      expect(headers['content-encoding']).toBe(rows > 1 ? 'gzip' : undefined);
    }
  });

  it('pages may load what is theirs, and no other page may hold them', async () => {
    for (const path of ['/docs', '/redoc']) {
      const headers = headersOf(await service.get(path));
      expect(headers).toMatchObject({
        'cross-origin-opener-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
      });
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'self';.*frame-ancestors 'self';.*object-src 'none'/,
      );
      expect(headers['content-security-policy']).not.toMatch(/https:|upgrade-insecure|unsafe-eval/);
    }
    expect((await service.get('/docs/swagger-ui.css')).headers.get('cache-control')).toBe('public, max-age=86400');
  });

  describe('CORS', () => {
    const APP = 'https://app.example.com';

    it('answers a preflight for what pages of other origins need', async () => {
      for (const [path, method] of [
        ['/predict', 'POST'],
        ['/v1/models/iris/default', 'PUT'],
        ['/nope', 'GET'],
      ] as const) {
        const asks = {
          Origin: APP,
          'Access-Control-Request-Method': method,
          'Access-Control-Request-Headers': 'x-api-key',
        };
        const { status, headers, text } = await service.call('OPTIONS', path, { headers: asks });
        expect({ status, text }).toEqual({ status: 204, text: '' });
        expect(headers.get('access-control-allow-origin')).toBe(APP);
        expect(headers.get('access-control-allow-methods')).toContain(method);
        expect(headers.get('access-control-allow-headers')).toMatch(/Content-Type.*X-API-Key.*X-Model-Version/);
        expect(headers.get('access-control-allow-credentials')).toBeNull();
        expect(headers.get('vary')).toBe('Origin');
      }
    });

    it.each(['/predict', '/predict?a=1', '/v1/models/nope/predict'])('shows %s to its pages', async (path) => {
      const { headers } = await service.send(path, ROW, { Origin: APP });
      expect(headers.get('access-control-allow-origin')).toBe(APP);
      expect(headers.get('access-control-expose-headers')).toMatch(
        /RateLimit.*Retry-After.*Server-Timing.*X-Cache.*X-Model-Version.*X-Request-Id/,
      );
      expect(headers.get('vary')).toBe('Origin');
      const other = await service.call('GET', '/v1/models', { headers: { Origin: 'http://localhost:3000' } });
      expect(other.headers.get('access-control-allow-origin')).toBe('http://localhost:3000');
    });

    it.each([
      'https://evil.example',
      'https://app.example.com.evil.example',
      'http://app.example.com',
      'https://APP.example.com',
      'https://app.example.com:444',
      'null',
      '*',
      '__proto__',
      '',
    ])('shows nothing to a page of %s', async (origin) => {
      const preflight = { Origin: origin, 'Access-Control-Request-Method': 'POST' };
      for (const answer of [
        await service.send('/predict', ROW, { Origin: origin }),
        await service.call('OPTIONS', '/predict', { headers: preflight }),
      ]) {
        expect(answer.headers.get('access-control-allow-origin')).toBeNull();
        expect(answer.headers.get('vary')).toBe('Origin');
      }
    });

    it('any origin means any, and none says nothing', async () => {
      const open = await Service.start({ CORS_ORIGINS: '*' });
      const closed = await Service.start();
      try {
        for (const origin of ['https://evil.example', 'null']) {
          const { headers } = await open.send('/predict', ROW, { Origin: origin });
          expect(headers.get('access-control-allow-origin')).toBe('*');
          expect(headers.get('vary')).toBeNull();
        }
        const { headers } = await closed.send('/predict', ROW, { Origin: APP });
        expect([...headers.keys()].filter((name) => name.startsWith('access-control') || name === 'vary')).toEqual([]);
        expect(
          (
            await closed.call('OPTIONS', '/predict', {
              headers: { Origin: APP, 'Access-Control-Request-Method': 'POST' },
            })
          ).status,
        ).toBe(405);
      } finally {
        await open.stop();
        await closed.stop();
      }
    });
  });
});

describe('slow clients', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start({ RECEIVE_TIMEOUT_MS: '1500', REQUEST_TIMEOUT_MS: '1000' });
  });
  afterAll(() => service.stop());

  /** Sends a byte now and then until the connection is closed. */
  async function drip(client: RawClient, bytes: string): Promise<void> {
    for (const byte of bytes) {
      if (!client.isOpen) return;
      client.send(byte);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('it was never cut off');
  }

  it.each([
    ['headers', 'GET /health HTTP/1.1\r\nHost: x\r\n'],
    ['a body', head('Content-Length: 4000')],
    ['chunks', head(CHUNKED) + '1000\r\n'],
  ])('that drip %s are cut off, by 408', async (_, start) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.to(service.url)));
    await Promise.all(clients.map((client) => drip(client.send(start), 'a'.repeat(200))));
    for (const client of clients) expect((await client.closed()).map(({ status }) => status)).toEqual([408]);
    expect((await service.post('/predict', APPLICANT)).status).toBe(200);
  });

  it('that say nothing are cut off, too', async () => {
    const client = await RawClient.to(service.url);
    expect((await client.closed()).map(({ status }) => status)).toEqual([408]);
  });

  it('that do not read their answer are cut off, and those that read slowly are not', async () => {
    const server = service.app.getHttpServer();
    const { timeout } = server;
    expect(timeout).toBeGreaterThan(30_000);
    server.timeout = 4000; // a busy machine reads nothing for a second, too
    try {
      const sockets: Socket[] = [];
      server.on('connection', (socket: Socket) => sockets.push(socket));
      // Together they are more than the system keeps for a reader.
      const bundles = requestText('GET /redoc/redoc.standalone.js').repeat(20);
      const stalled = await RawClient.to(service.url);
      stalled.send(bundles).socket.pause();
      const slow = await RawClient.to(service.url);
      slow.send(bundles);
      const reading = setInterval(() => {
        slow.socket.resume();
        setTimeout(() => slow.socket.pause(), 5);
      }, 300);
      const [cut, served] = await Promise.all([once(sockets[0] as Socket, 'close'), slow.answers(20)]);
      clearInterval(reading);
      expect(cut).toBeDefined();
      expect(served.map(({ status }) => status)).toEqual(Array(20).fill(200));
      slow.leave();
    } finally {
      server.timeout = timeout;
    }
  });

  it('that are idle between requests keep their connection for longer than a balancer keeps it', async () => {
    expect(service.app.getHttpServer().keepAliveTimeout).toBeGreaterThan(60_000);
    const client = await RawClient.to(service.url);
    await client.send(PREDICT).answers(1);
    await new Promise((resolve) => setTimeout(resolve, 3000)); // twice the time for a request
    expect((await client.send(PREDICT).answers(2)).map(({ status }) => status)).toEqual([200, 200]);
    client.leave();
  });
});

it('MAX_CONNECTIONS: more are closed at once, and those that are there are served', async () => {
  const service = await Service.start({ MAX_CONNECTIONS: '3' });
  const clients: RawClient[] = [];
  try {
    for (let i = 0; i < 3; i++) clients.push(await RawClient.to(service.url));
    for (let i = 0; i < 5; i++) expect(await (await RawClient.to(service.url)).send(PREDICT).closed()).toEqual([]);
    for (const client of clients) expect(await client.send(PREDICT).answers(1)).toMatchObject([{ status: 200 }]);
    clients[0]?.leave();
    const next = () => RawClient.to(service.url).then((client) => client.send(PREDICT).answers(1));
    await until(async () => (await next())[0]?.status === 200);
    const metrics = await clients[1]?.send(requestText('GET /metrics')).answers(2);
    expect(metrics?.[1]?.body).toMatch(/^nestor_connections_refused_total [5-9]/m);
  } finally {
    for (const client of clients) client.leave();
    await service.stop();
  }
});
