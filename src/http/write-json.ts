import { type ServerResponse } from 'node:http';

/** Writes a whole answer at once: its headers as one flat list, name and value in turn. */
export function writeJson(response: ServerResponse, status: number, headers: string[], body: string): void {
  // Text that fits latin1 is written several times faster than text that must be encoded first.
  const isAscii = ASCII.test(body);
  headers.push('Content-Length', String(isAscii ? body.length : Buffer.byteLength(body)));
  response.writeHead(status, headers);
  response.end(body, isAscii ? 'latin1' : 'utf8');
}

// eslint-disable-next-line no-control-regex -- all of ASCII
const ASCII = /^[\x00-\x7f]*$/;
