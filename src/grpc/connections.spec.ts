import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ConnectionLimits, Connections } from './connections.js';

const LIMITS: ConnectionLimits = { messageBytes: 1e6, allMessagesBytes: 1e6, receiveMs: 60_000, ageMs: 60_000 };

describe('Connections', () => {
  let server: Http2Server;
  let client: ClientHttp2Session;
  afterEach(() => {
    client.destroy();
    server.close();
  });

  /** @param answer to be called for each stream when its answer may be sent */
  async function start(limits: Partial<ConnectionLimits>, answer: (stream: ServerHttp2Stream) => void) {
    server = createServer();
    server.on('stream', answer);
    const connections = new Connections(
      server,
      { ...LIMITS, ...limits },
      () => 'unary',
      () => undefined,
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(client, 'remoteSettings');
    return connections;
  }

  const ask = () => {
    const stream = client.request({ ':method': 'POST', ':path': '/a/b' });
    stream.end('x');
    return text(stream);
  };

  it('asks an old connection to leave, and loses no call that is under way or on its way', async () => {
    const held: ServerHttp2Stream[] = [];
    await start({ ageMs: 50 }, (stream) => held.push(stream));
    const underWay = ask();
    const [code, lastStream] = (await once(client, 'goaway')) as [number, number];
    expect({ code, lastStream }).toEqual({ code: 0, lastStream: 2 ** 31 - 1 });
    expect(held).toHaveLength(1);
    held[0]?.end('answered');
    expect(await underWay).toBe('answered');
  });

  it('lets a connection have its first call before it is asked to leave', async () => {
    const connections = await start({}, (stream) => stream.end('answered'));
    const farewells: string[] = [];
    client.on('goaway', () => farewells.push('goaway'));
    connections.askToLeave();
    // What the server had sent before its answer to this is here.
    await new Promise((resolve) => client.ping(resolve));
    await new Promise(setImmediate);
    expect(farewells).toEqual([]);
    expect(await ask()).toBe('answered');
    if (farewells.length === 0) await once(client, 'goaway');
  });

  it('asks one to leave on which nothing is called, too', async () => {
    const connections = await start({}, (stream) => stream.end('answered'));
    connections.askToLeave();
    await once(client, 'goaway');
  });

  it('asks all of them, when it is told to', async () => {
    const connections = await start({}, (stream) => stream.end('answered'));
    expect(await ask()).toBe('answered');
    connections.askToLeave();
    await once(client, 'goaway');
  });
});
