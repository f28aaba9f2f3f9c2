import { connect, type IncomingHttpHeaders } from 'node:http2';
import { type ServedRequest } from './scenario.ts';

/** A request over gRPC, once. @returns the status of the call: `0` where it was answered */
export function askGrpc(url: string, { path, body }: ServedRequest, limitMs: number): Promise<string> {
  const message = Buffer.from(body);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return new Promise((resolve, reject) => {
    const session = connect(url);
    session.once('error', reject);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status = 'no answer';
    const note = (headers: IncomingHttpHeaders) => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status']);
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('error', reject);
    stream.on('close', () => {
      session.destroy();
      resolve(status);
    });
    stream.setTimeout(limitMs, () => {
      stream.close();
    });
    stream.resume();
    stream.end(Buffer.concat([prefix, message]));
  });
}
