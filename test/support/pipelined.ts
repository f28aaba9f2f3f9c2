import { connect } from 'node:net';
import { until } from './until.js';

/**
 * Posts bodies on one connection, all in one write, so that they arrive in one turn of the event loop.
 *
 * @returns the answers, as they stood on the wire
 */
export async function pipelined(url: string, path: string, bodies: readonly object[]): Promise<string[]> {
  const requests = bodies.map((row) => {
    const body = JSON.stringify(row);
    const head = [
      'POST',
      path,
      'HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:',
      body.length,
    ];
    return `${head.join(' ')}\r\n\r\n${body}`;
  });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString()));
  socket.write(requests.join(''));
  const answers = () => text.split(/(?=HTTP\/1\.1 )/);
  await until(() => answers().length === bodies.length && text.endsWith('}'));
  socket.destroy();
  return answers();
}
