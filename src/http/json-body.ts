import { type IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { parseJson } from '../common/json.js';
import { Settings } from '../config/settings.js';
import { Inflater, tooLarge } from './inflater.js';

/** Memory that the body of one request takes while it is read. */
interface Held {
  bytes: number;
}

/** Reads the JSON body of a request, up to BODY_LIMIT bytes after decompression, and up to BODIES_LIMIT for all. */
@Injectable()
export class JsonBody {
  private readonly limit: number;
  private readonly limitOfAll: number;
  private readonly inflater: Inflater;
  /** Bytes that the bodies hold which are being read. One that came in a single piece needs no memory but its own. */
  private held = 0;

  constructor({ BODY_LIMIT, BODIES_LIMIT }: Settings) {
    this.limit = BODY_LIMIT;
    this.limitOfAll = BODIES_LIMIT;
    this.inflater = new Inflater(BODY_LIMIT);
  }

  /** @throws DomainError `malformed_json`, `payload_too_large`, `unsupported_media_type`, `overloaded` */
  read(request: IncomingMessage): Promise<unknown> {
    const { headers } = request;
    if (!isJson(headers['content-type'])) {
      drain(request);
      return Promise.reject(notJson(request));
    }
    const held: Held = { bytes: 0 };
    const letGo = () => {
      this.held -= held.bytes;
      held.bytes = 0;
    };
    const encoding = (headers['content-encoding'] ?? 'identity').trim().toLowerCase();
    const whenRead =
      encoding === 'identity'
        ? (bytes: Buffer) => {
            letGo();
            return parseJson(bytes);
          }
        : (bytes: Buffer) => this.inflater.inflate(bytes, encoding).finally(letGo).then(parseJson);
    return this.collect(request, held, whenRead, letGo);
  }

  /**
   * The bytes as they came. They are copied together as they come: a list of chunks would cost a hostile sender of
   * single bytes nothing, and this process 400 bytes for each.
   *
   * @param whenRead makes of them what is wanted
   * @param whenRefused called where they do not all come
   */
  private collect(
    request: IncomingMessage,
    held: Held,
    whenRead: (bytes: Buffer) => unknown,
    whenRefused: () => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let body: Buffer = EMPTY;
      let length = 0;
      const finish = () => {
        try {
          resolve(whenRead(body.subarray(0, length)));
        } catch (error) {
          const failure = error as Error;
          reject(failure);
        }
      };
      const refuse = (error: DomainError) => {
        request.removeAllListeners('data');
        request.off('end', finish);
        drain(request);
        whenRefused();
        reject(error);
      };
      if (Number(request.headers['content-length']) > this.limit) {
        refuse(tooLarge(this.limit));
        return;
      }
      request.on('data', (chunk: Buffer) => {
        const needed = length + chunk.length;
        if (needed > this.limit) {
          refuse(tooLarge(this.limit));
          return;
        }
        if (length === 0) {
          body = chunk; // nearly always the whole body
        } else {
          if (needed > body.length) {
            const size = Math.min(Math.max(needed, 2 * body.length), this.limit);
            if (!this.hold(size, held)) {
              refuse(overloaded());
              return;
            }
            body = enlarged(body, length, size);
          }
          chunk.copy(body, length);
        }
        length = needed;
      });
      request.on('end', finish);
      request.on('close', () => {
        if (request.complete) return;
        whenRefused();
        reject(incomplete());
      });
    });
  }

  /** Makes room for a body of so many bytes, where there is any. One body alone always gets it. */
  private hold(size: number, held: Held): boolean {
    const others = this.held - held.bytes;
    if (others > 0 && others + size > this.limitOfAll) return false;
    this.held = others + size;
    held.bytes = size;
    return true;
  }
}

const EMPTY = Buffer.alloc(0);
/** How long a sender whose body is refused may go on sending, to read the answer, before it is cut off. */
const DRAIN_MS = 2000;

/** A buffer of `size` bytes that begins with the first `length` of another. */
function enlarged(body: Buffer, length: number, size: number): Buffer {
  const target = Buffer.allocUnsafe(size);
  body.copy(target, 0, 0, length);
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

function overloaded(): DomainError {
  return new DomainError('overloaded', 'Too many large bodies are being read at this moment.', { retryAfter: 1 });
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
