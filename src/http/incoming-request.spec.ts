import { once } from 'node:events';
import { createServer, IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type BodySink, IncomingRequest, pour } from './incoming-request.js';

/** What a server does with a request before its body is poured. */
type Before = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

const asItIs: Before = () => undefined;
const asExpressDoes: Before = (request) => {
  Object.setPrototypeOf(request, Object.create(IncomingMessage.prototype, {}) as IncomingMessage);
};
const afterAWhile: Before = () => sleep(30);

describe('IncomingRequest', () => {
  let server: Server;
  let client: Socket;
  let before: Before;
  /** What the sink was told, request by request. */
  let told: string[];
  let stopAfter: number;
  let served: (IncomingMessage & { socket: Socket & { parser?: { incoming: unknown } } })[];

  beforeEach(async () => {
    [before, told, stopAfter, served] = [asItIs, [], Infinity, []];
    server = createServer({ IncomingMessage: IncomingRequest }, (request, response) => {
      served.push(request);
      void (async () => {
        const waiting = before(request, response);
        if (waiting) await waiting; // else a part would have come when it is over
        let pieces = 0;
        const sink: BodySink = {
          take: (piece) => {
            told.push(piece.toString());
            if (++pieces < stopAfter) return;
            stop();
            request.resume();
            request.once('end', () => response.end('stopped'));
          },
          end: () => {
            told.push('end');
            if (!response.writableEnded) response.end('all');
          },
          leave: () => told.push('left'),
        };
        const stop = pour(request, sink);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('latin1');
  });

  afterEach(async () => {
    client.destroy();
    server.close();
    await once(server, 'close');
  });

  async function send(...pieces: string[]): Promise<string> {
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${pieces.join('').length}\r\n\r\n`);
    const answer = once(client, 'data');
    for (const piece of pieces) {
      client.write(piece);
      await sleep(10);
    }
    return (await answer)[0] as string;
  }

  it.each([
    ['as it is', asItIs],
    ['where something else was made of it', asExpressDoes],
    ['where a part has come already', afterAWhile],
  ])('gives its body to a sink: %s', async (_, how) => {
    before = how;
    for (let request = 0; request < 3; request++) {
      told = [];
      expect(await send('ab', 'cd', 'ef')).toMatch(/all$/);
      expect(told.join('')).toBe('abcdefend');
    }
  });

  it('a body of nothing ends, too', async () => {
    expect(await send()).toMatch(/all$/);
    expect(told).toEqual(['end']);
  });

  it('what a sink does not want any more is read past', async () => {
    stopAfter = 2;
    expect(await send('ab', 'cd', 'ef', 'gh')).toMatch(/stopped$/);
    expect(told).toEqual(['ab', 'cd']);
    stopAfter = Infinity;
    expect(await send('ij')).toMatch(/all$/);
  });

  it.each([
    ['as it is', asItIs],
    ['as a stream', asExpressDoes],
  ])('tells when the rest will not come: %s', async (_, how) => {
    before = how;
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await sleep(30);
    client.destroy();
    await sleep(30);
    expect(told).toEqual(['abc', 'left']);
  });

  it.each([
    ['before its body came', ''],
    ['once its body had come', '0123456789'],
  ])('tells so where its client has left before: %s', async (_, body) => {
    before = async (request) => {
      await new Promise((resolve) => request.on('close', resolve));
    };
    client.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n${body}`);
    await sleep(30);
    client.destroy();
    await sleep(30);
    expect(told).toEqual(['left']);
  });

  it('an idle connection does not keep one that was answered before it had come', async () => {
    before = (_, response) => {
      response.end('early');
    };
    expect(await send('ab', 'cd')).toMatch(/early$/);
    await sleep(30);
    expect(told).toEqual(['ab', 'cd', 'end']);
    expect(served[0]?.socket.parser).toMatchObject({ incoming: null });
  });

  it('an idle connection does not keep the last one', async () => {
    await send('ab');
    await sleep(30);
    expect(served[0]?.socket.parser).toMatchObject({ incoming: null });
    expect(client.destroyed).toBe(false);
  });
});
