import { type IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { raw, type Request, type Response } from 'express';
import { DomainError } from '../common/errors.js';
import { parseJson } from '../common/json.js';
import { Settings } from '../config/settings.js';

/** Reads the JSON body of a request, up to BODY_LIMIT bytes after decompression. */
@Injectable()
export class JsonBody {
  private readonly limit: number;
  private readonly inflate: ReturnType<typeof raw>;

  constructor({ BODY_LIMIT }: Settings) {
    this.limit = BODY_LIMIT;
    this.inflate = raw({ type: () => true, limit: BODY_LIMIT });
  }

  /** @throws DomainError `malformed_json`, `payload_too_large`, `unsupported_media_type` */
  read(request: IncomingMessage, response: object): Promise<unknown> {
    const { headers } = request;
    if (!isJson(headers['content-type'])) return Promise.reject(notJson(request));
    const encoding = headers['content-encoding'];
    const isPlain = encoding === undefined || encoding === 'identity';
    return (isPlain ? this.readPlain(request) : this.readCompressed(request, response)).then(parseJson);
  }

  /** What nearly all requests send. The general reader below costs a small prediction 13 % more. */
  private readPlain(request: IncomingMessage): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const refuse = () => {
        request.removeAllListeners('data');
        request.resume(); // what still comes is dropped, so that the client can finish sending and read the answer
        reject(tooLarge(this.limit));
      };
      if (Number(request.headers['content-length']) > this.limit) {
        refuse();
        return;
      }
      request.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > this.limit) refuse();
        else chunks.push(chunk);
      });
      request.on('end', () => {
        resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      });
      request.on('close', () => {
        if (!request.complete) reject(incomplete());
      });
    });
  }

  private readCompressed(request: IncomingMessage, response: object): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const target = request as Request;
      this.inflate(target, response as Response, (error?: unknown) => {
        if (error !== undefined) reject(toDomainError(error as BodyError));
        else resolve(Buffer.isBuffer(target.body) ? target.body : Buffer.alloc(0));
      });
    });
  }
}

/** application/json and application/…+json, in UTF-8: JSON's only encoding (RFC 8259). */
function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => /^\s*charset="?([^"\s]+)/.exec(parameter)?.[1]).find(Boolean);
  const isUtf8 = charset === undefined || charset === 'utf-8' || charset === 'utf8';
  return isUtf8 && /^application\/([\w.-]+\+)?json$/.test(type.trim());
}

/** A body-parser error: it follows the http-errors convention. */
interface BodyError {
  type?: string;
  status?: number;
}

function toDomainError({ type, status }: BodyError & { limit?: number }): DomainError {
  if (type === 'entity.too.large')
    return new DomainError('payload_too_large', 'The body inflates to more than is accepted.');
  if (type === 'encoding.unsupported') {
    return new DomainError('unsupported_media_type', 'Send the body plain, or compressed as gzip, deflate or br.');
  }
  if (type === 'request.aborted' || type === 'request.size.invalid') return incomplete();
  if (status === 400) return new DomainError('malformed_json', 'The compressed body cannot be inflated.');
  return new DomainError('internal', 'The body could not be read.');
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
