import { type OpenAPIObject } from '@nestjs/swagger';
import { ERROR_KINDS } from '../common/errors.js';
import { ProblemDto } from '../http/problem.dto.js';
import { NEEDS_EXTENSION, type RouteNeeds, UNSAID } from '../openapi/needs.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;
const SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An API key, or a JSON Web Token' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' },
} as const;

/**
 * The document with what each operation asks of its callers: the schemes, the scope, and the answers to those who do
 * not have it.
 *
 * @param open areas that need no credentials; undefined where AUTH is off, and nothing is asked
 */
export function withAccess(document: OpenAPIObject, open: readonly string[] | undefined): OpenAPIObject {
  const operations = Object.values(document.paths).flatMap((item) =>
    METHODS.flatMap((method) => (item[method] ? [item[method]] : [])),
  );
  for (const operation of operations) {
    const { [NEEDS_EXTENSION]: needs } = operation as Operation & { [NEEDS_EXTENSION]?: RouteNeeds };
    const { scope, area } = needs ?? UNSAID;
    Reflect.deleteProperty(operation, NEEDS_EXTENSION);
    if (!open || (area !== undefined && open.includes(area))) continue;
    operation.security = Object.keys(SCHEMES).map((scheme) => ({ [scheme]: [scope] }));
    operation.responses = {
      ...operation.responses,
      401: { ...problem('unauthorized'), headers: { 'WWW-Authenticate': { schema: { type: 'string' } } } },
      403: problem('forbidden'),
    };
  }
  if (!open) return document;
  return { ...document, components: { ...document.components, securitySchemes: SCHEMES } };
}

function problem(code: 'unauthorized' | 'forbidden') {
  return {
    description: `\`${code}\`: ${ERROR_KINDS[code].title}`,
    content: { 'application/problem+json': { schema: { $ref: `#/components/schemas/${ProblemDto.name}` } } },
  };
}
