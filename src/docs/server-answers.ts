import { type OpenAPIObject } from '@nestjs/swagger';
import { ERROR_KINDS, type ErrorCode } from '../common/errors.js';
import { type Settings } from '../config/settings.js';
import { ProblemDto } from '../http/problem.dto.js';
import { NEEDS_EXTENSION, type RouteNeeds } from '../openapi/needs.js';
import { METHODS } from './methods.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['post']>;
type Answers = Operation['responses'];

/** What any request may be answered, whatever it asks for. */
const ANYWHERE: readonly ErrorCode[] = ['malformed_request', 'request_timeout', 'headers_too_large', 'internal'];
const LIMIT_HEADERS = {
  'Retry-After': {
    description: 'Seconds after which there is room; not where there never is',
    schema: { type: 'integer' as const, minimum: 1 },
  },
  RateLimit: {
    description: 'Rows that are left, and seconds until all are there again',
    schema: { type: 'string' as const },
    example: '"rows";r=0;t=1',
  },
  'RateLimit-Policy': {
    description: 'Rows, and the seconds for them',
    schema: { type: 'string' as const },
    example: '"rows";q=100;w=1',
  },
};

/** The document with the failures that are the same for all operations, before who may call is told of each. */
export function withServerAnswers(document: OpenAPIObject, { RATE_LIMIT }: Settings): OpenAPIObject {
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const content = contentOf(path);
      for (const code of ANYWHERE) addTo(operation.responses, code, { content });
      if (RATE_LIMIT !== 'off' && isCounted(operation))
        addTo(operation.responses, 'rate_limited', { content, headers: LIMIT_HEADERS });
    }
  }
  return document;
}

/** As the guard of the limit has it. */
function isCounted(operation: Operation): boolean {
  const { [NEEDS_EXTENSION]: needs } = operation as Operation & { [NEEDS_EXTENSION]?: RouteNeeds };
  return needs !== undefined && needs.area === undefined && needs.scope !== 'admin';
}

function addTo(answers: Answers, code: ErrorCode, answer: object): void {
  const { http, title } = ERROR_KINDS[code];
  const description = `\`${code}\`: ${title}`;
  const known = answers[http];
  if (!known || '$ref' in known) answers[http] = { description, ...answer };
  else if (!known.description.includes(`\`${code}\``)) known.description += `. ${description}`;
}

/** The form of failures under a path. */
function contentOf(path: string) {
  if (!path.startsWith('/v2')) {
    const schema = { $ref: `#/components/schemas/${ProblemDto.name}` };
    return { 'application/problem+json': { schema } };
  }
  const schema = { type: 'object' as const, required: ['error'], properties: { error: { type: 'string' as const } } };
  return { 'application/json': { schema } };
}
