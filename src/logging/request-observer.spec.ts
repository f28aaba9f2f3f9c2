import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { PinoLogger } from 'nestjs-pino';
import { pino } from 'pino';
import { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { Metrics } from '../metrics/metrics.js';
import { RequestLog } from './request-log.js';
import { RequestObserver } from './request-observer.js';

describe('RequestObserver', () => {
  /** The lines that a request makes, sent as it stands. */
  async function linesOf(head: string, settings: Partial<Settings> = {}, level = 'info'): Promise<string[]> {
    const lines: string[] = [];
    const logger = { logger: pino({ level }) } as PinoLogger;
    const log = new RequestLog({ write: (line) => lines.push(line) }, logger);
    const observer = new RequestObserver(Object.assign(new Settings(), settings), new Metrics(), log);
    const server = createServer((request, response) => {
      observer.observe(request, response);
      Object.assign(RequestContext.of(request), { model: 'iris', version: '1.0.0', body: { name: 'Zoë "Z"\n' } });
      response.writeHead(201).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.end(`${head}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    await text(client);
    server.close();
    return lines;
  }

  /** The same line as pino writes it, with the options that the service gives to pino. */
  function byPino(line: string): string {
    let written = '';
    const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, string>;
    const logger = pino(
      {
        level: 'debug',
        base: null,
        timestamp: () => `,"time":"${time}"`,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write: (text) => (written += text) },
    );
    logger[level as 'info'](fields, msg);
    return written;
  }

  it.each([
    ['a made id', 'POST /predict HTTP/1.1'],
    ['an id that JSON must escape', 'POST /predict HTTP/1.1\r\nX-Request-Id: a"b\\c'],
    ['a path that JSON must escape', 'GET /a"b\\c?q=1 HTTP/1.1'],
  ])('writes what pino would: %s', async (_, head) => {
    const lines = await linesOf(head, { LOG_FEATURES: true });
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'request_started',
      'request_completed',
    ]);
    for (const line of lines) expect(line).toBe(byPino(line));
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({
      status_code: 201,
      model: 'iris',
      version: '1.0.0',
      body: { name: 'Zoë "Z"\n' },
    });
  });

  it('keeps to the level: probes are told at debug, and nothing at warn', async () => {
    const probe = 'GET /health/live HTTP/1.1';
    expect(await linesOf(probe)).toEqual([]);
    const [line = ''] = await linesOf(probe, {}, 'debug');
    expect(JSON.parse(line)).toMatchObject({ level: 'debug', url: '/health/live' });
    expect(line).toBe(byPino(line));
    expect(await linesOf('GET /predict HTTP/1.1', {}, 'warn')).toEqual([]);
  });
});
