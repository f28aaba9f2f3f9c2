import { applyDecorators } from '@nestjs/common';
import { ERROR_KINDS, type ErrorCode } from '../common/errors.js';
import { ApiResponse } from '../openapi/decorators.js';
import { ProblemDto } from './problem.dto.js';

/** Documents failures, gathered by HTTP status. */
export function ApiProblems(...codes: ErrorCode[]) {
  const byStatus = Map.groupBy(codes, (code) => ERROR_KINDS[code].http);
  return applyDecorators(
    ...[...byStatus].map(([status, group]) =>
      ApiResponse({
        status,
        description: group.map((code) => `\`${code}\`: ${ERROR_KINDS[code].title}`).join('. '),
        content: { 'application/problem+json': { schema: { $ref: `#/components/schemas/${ProblemDto.name}` } } },
      }),
    ),
  );
}
