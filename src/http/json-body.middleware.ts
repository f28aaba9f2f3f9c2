import { Injectable, type NestMiddleware } from '@nestjs/common';
import { type NextFunction, raw, type Request, type Response } from 'express';
import { DomainError } from '../common/errors.js';
import { parseJson } from '../common/json.js';
import { Settings } from '../config/settings.js';

const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** Reads a JSON body, inflated where it comes compressed, up to BODY_LIMIT bytes. */
@Injectable()
export class JsonBodyMiddleware implements NestMiddleware {
  private readonly read: ReturnType<typeof raw>;

  constructor({ BODY_LIMIT }: Settings) {
    this.read = raw({ type: isJson, limit: BODY_LIMIT });
  }

  use(request: Request, response: Response, next: NextFunction): void {
    if (!METHODS_WITH_BODY.has(request.method)) {
      next();
      return;
    }
    this.read(request, response, (error?: unknown) => {
      try {
        if (error) throw toDomainError(error, request);
        request.body = parseBody(request);
      } catch (problem) {
        next(problem);
        return;
      }
      next();
    });
  }
}

function parseBody(request: Request): unknown {
  if (Buffer.isBuffer(request.body)) return parseJson(request.body);
  const hasBody =
    request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (!hasBody) throw new DomainError('malformed_json', 'The body is empty: send a JSON object.');
  throw new DomainError(
    'unsupported_media_type',
    'Send the body as JSON, with the header Content-Type: application/json.',
  );
}

/** A body-parser error: it follows the http-errors convention. */
function toDomainError(error: unknown, request: Request): DomainError {
  const { type, status, limit } = error as { type?: string; status?: number; limit?: number };
  switch (type) {
    case 'entity.too.large':
      return new DomainError(
        'payload_too_large',
        `The body is larger than the ${String(limit)} bytes that are accepted.`,
      );
    case 'encoding.unsupported':
      return new DomainError('unsupported_media_type', 'Send the body plain, or compressed as gzip, deflate or br.');
    case 'request.size.invalid':
    case 'request.aborted':
      return new DomainError('malformed_json', 'The body is shorter or longer than its Content-Length says.');
  }
  if (status === 400 && request.headers['content-encoding'] !== undefined) {
    return new DomainError('malformed_json', 'The compressed body cannot be inflated.');
  }
  return new DomainError('internal', 'The body could not be read.', { cause: error });
}

/** application/json and application/…+json, in UTF-8: JSON's only encoding (RFC 8259). */
function isJson({ headers }: { headers: Record<string, string | string[] | undefined> }): boolean {
  const [type = '', ...parameters] = String(headers['content-type'] ?? '')
    .toLowerCase()
    .split(';');
  const charset = parameters.map((parameter) => /^\s*charset="?([^"\s]+)/.exec(parameter)?.[1]).find(Boolean);
  return (
    /^application\/([\w.-]+\+)?json$/.test(type.trim()) &&
    (charset === undefined || charset === 'utf-8' || charset === 'utf8')
  );
}
