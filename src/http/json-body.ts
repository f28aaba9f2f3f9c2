import { type IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/errors.js';
import { parseJson } from '../common/json.js';
import { BodyReader } from './body-reader.js';

/** Reads the JSON body of a request, as BodyReader reads its bytes. */
@Injectable()
export class JsonBody {
  constructor(private readonly reader: BodyReader) {}

  /** @throws DomainError `malformed_json`, `payload_too_large`, `unsupported_media_type`, `overloaded` */
  read(request: IncomingMessage): Promise<unknown> {
    if (isJson(request.headers['content-type'])) return this.reader.read(request, parseJson);
    this.reader.drain(request);
    return Promise.reject(notJson(request));
  }
}

/** application/json and application/…+json, in UTF-8: JSON's only encoding (RFC 8259). */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => /^\s*charset="?([^"\s]+)/.exec(parameter)?.[1]).find(Boolean);
  const isUtf8 = charset === undefined || charset === 'utf-8' || charset === 'utf8';
  return isUtf8 && /^application\/([\w.-]+\+)?json$/.test(type.trim());
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
