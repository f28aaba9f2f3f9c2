import { type OpenAPIObject } from '@nestjs/swagger';
import { ERROR_KINDS, type ErrorCode } from '../common/errors.js';
import { type Settings } from '../config/settings.js';
import { ProblemDto } from '../http/problem.dto.js';
import { NEEDS_EXTENSION, type RouteNeeds, UNSAID } from '../openapi/needs.js';
import { METHODS } from './methods.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;

const SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a JSON Web Token' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' },
} as const;

/**
 * The document with what each operation asks of its callers, where AUTH is on: the schemes, the scope, and the answers
 * to those who do not have it.
 */
export function withAccess(document: OpenAPIObject, { AUTH, AUTH_PUBLIC, JWT_JWKS }: Settings): OpenAPIObject {
  const operations = Object.values(document.paths).flatMap((item) =>
    METHODS.flatMap((method) => (item[method] ? [item[method]] : [])),
  );
  for (const operation of operations) {
    const { [NEEDS_EXTENSION]: needs } = operation as Operation & { [NEEDS_EXTENSION]?: RouteNeeds };
    const { scope, area } = needs ?? UNSAID;
    Reflect.deleteProperty(operation, NEEDS_EXTENSION);
    if (AUTH === 'off' || (area !== undefined && AUTH_PUBLIC.includes(area))) continue;
    operation.security = Object.keys(SCHEMES).map((scheme) => ({ [scheme]: [scope] }));
    operation.responses = {
      ...(JWT_JWKS !== undefined && { 503: problem('dependency_unavailable') }),
      ...operation.responses,
      401: { ...problem('unauthorized'), headers: { 'WWW-Authenticate': { schema: { type: 'string' } } } },
      403: problem('forbidden'),
    };
  }
  if (AUTH === 'off') return document;
  return { ...document, components: { ...document.components, securitySchemes: SCHEMES } };
}

function problem(code: ErrorCode) {
  return {
    description: `\`${code}\`: ${ERROR_KINDS[code].title}`,
    content: { 'application/problem+json': { schema: { $ref: `#/components/schemas/${ProblemDto.name}` } } },
  };
}
