import { type IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, type BrotliOptions, gunzip, inflate, type ZlibOptions } from 'node:zlib';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { parseJson } from '../common/json.js';
import { Settings } from '../config/settings.js';

/** Reads the JSON body of a request, up to BODY_LIMIT bytes after decompression. */
@Injectable()
export class JsonBody {
  private readonly limit: number;

  constructor({ BODY_LIMIT }: Settings) {
    this.limit = BODY_LIMIT;
  }

  /** @throws DomainError `malformed_json`, `payload_too_large`, `unsupported_media_type` */
  async read(request: IncomingMessage): Promise<unknown> {
    const { headers } = request;
    if (!isJson(headers['content-type'])) {
      drain(request);
      throw notJson(request);
    }
    const encoding = headers['content-encoding'] ?? 'identity';
    const body = await this.collect(request);
    return parseJson(encoding === 'identity' ? body : await this.inflate(body, encoding.trim().toLowerCase()));
  }

  /**
   * The bytes as they came. They are copied together as they come: a list of chunks would cost a hostile sender of
   * single bytes nothing, and this process 400 bytes for each.
   */
  private collect(request: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let body: Buffer = EMPTY;
      let length = 0;
      const refuse = () => {
        request.removeAllListeners('data');
        drain(request);
        reject(tooLarge(this.limit));
      };
      if (Number(request.headers['content-length']) > this.limit) {
        refuse();
        return;
      }
      request.on('data', (chunk: Buffer) => {
        if (length + chunk.length > this.limit) {
          refuse();
          return;
        }
        if (length === 0)
          body = chunk; // nearly always the whole body
        else body = append(body, length, chunk);
        length += chunk.length;
      });
      request.on('end', () => {
        resolve(body.subarray(0, length));
      });
      request.on('close', () => {
        if (!request.complete) reject(incomplete());
      });
    });
  }

  private async inflate(body: Buffer, encoding: string): Promise<Buffer> {
    const inflate = INFLATERS[encoding];
    if (!inflate)
      throw new DomainError('unsupported_media_type', 'Send the body plain, or compressed as gzip, deflate or br.');
    try {
      return await inflate(body, { maxOutputLength: this.limit });
    } catch (error) {
      const isLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      throw isLong
        ? tooLarge(this.limit)
        : new DomainError('malformed_json', 'The compressed body cannot be inflated.');
    }
  }
}

const EMPTY = Buffer.alloc(0);
/** How long a sender whose body is refused may go on sending, to read the answer, before it is cut off. */
const DRAIN_MS = 2000;

const INFLATERS: Partial<Record<string, (body: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, ZlibOptions, Buffer>(gunzip),
  deflate: promisify<Buffer, ZlibOptions, Buffer>(inflate),
  br: promisify<Buffer, BrotliOptions, Buffer>(brotliDecompress),
};

/** Adds a chunk to a buffer that is filled up to `length`; makes one twice as large where there is no room. */
function append(body: Buffer, length: number, chunk: Buffer): Buffer {
  const needed = length + chunk.length;
  let target = body;
  if (needed > body.length) {
    target = Buffer.allocUnsafe(Math.max(needed, 2 * body.length));
    body.copy(target, 0, 0, length);
  }
  chunk.copy(target, length);
  return target;
}

function drain(request: IncomingMessage): void {
  request.resume();
  const timer = setTimeout(() => request.destroy(), DRAIN_MS);
  timer.unref();
  request.once('end', () => {
    clearTimeout(timer);
  });
}

/** application/json and application/…+json, in UTF-8: JSON's only encoding (RFC 8259). */
function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => /^\s*charset="?([^"\s]+)/.exec(parameter)?.[1]).find(Boolean);
  const isUtf8 = charset === undefined || charset === 'utf-8' || charset === 'utf8';
  return isUtf8 && /^application\/([\w.-]+\+)?json$/.test(type.trim());
}

function tooLarge(limit: number): DomainError {
  return new DomainError('payload_too_large', `The body is larger than the ${limit} bytes that are accepted.`);
}

function incomplete(): DomainError {
  return new DomainError('malformed_json', 'The body is shorter than its Content-Length says.');
}

function notJson({ headers }: IncomingMessage): DomainError {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  return hasBody
    ? new DomainError(
        'unsupported_media_type',
        'Send the body as JSON, with the header Content-Type: application/json.',
      )
    : new DomainError('malformed_json', 'The body is empty: send a JSON object.');
}
