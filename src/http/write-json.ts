import { type ServerResponse } from 'node:http';

/** Writes a whole answer at once: its headers as one flat list, name and value in turn. */
export function writeJson(response: ServerResponse, status: number, headers: string[], body: string): void {
  const length = Buffer.byteLength(body);
  headers.push('Content-Length', String(length));
  response.writeHead(status, headers);
  // ASCII goes out as latin1: writing it is several times cheaper than encoding UTF-8.
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}
