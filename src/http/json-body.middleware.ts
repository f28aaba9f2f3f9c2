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
      if (error) {
        next(error);
        return;
      }
      try {
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
