import { ApiProperty, ApiPropertyOptional } from '../openapi/decorators.js';
import { type DomainError, ERROR_KINDS, type ErrorCode, type FieldProblem } from '../common/errors.js';

export class FieldProblemDto implements FieldProblem {
  @ApiProperty({ description: 'JSON pointer (RFC 6901) into the body', example: '/age' })
  path!: string;

  @ApiProperty({ example: 'must be an integer from 18 to 100' })
  message!: string;

  @ApiProperty({ description: 'What kind of problem it is', example: 'range' })
  code!: string;
}

/** An error as RFC 9457 has it. */
export class ProblemDto {
  @ApiProperty({ example: 'urn:nestor:problem:validation_failed' })
  type!: string;

  @ApiProperty({ example: 'The request is not valid' })
  title!: string;

  @ApiProperty({ description: 'The HTTP status', example: 400 })
  status!: number;

  @ApiProperty({
    description: 'What was wrong with this request',
    example: '1 problem: /age must be an integer from 18 to 100',
  })
  detail!: string;

  @ApiProperty({ enum: Object.keys(ERROR_KINDS), example: 'validation_failed' })
  code!: ErrorCode;

  @ApiProperty({
    description: 'Also in the X-Request-Id header and in the log',
    example: '1f0c7a52-3a3e-4f5e-9d53-7b1f3a3f6a10',
  })
  request_id!: string;

  @ApiPropertyOptional({ type: [FieldProblemDto] })
  errors?: FieldProblem[];
}

/** A failure as the body of its answer. */
export function toProblem({ code, message, errors }: DomainError, requestId: string): ProblemDto {
  const { http, title } = ERROR_KINDS[code];
  return {
    type: `urn:nestor:problem:${code}`,
    title,
    status: http,
    detail: message,
    code,
    request_id: requestId,
    ...(errors && { errors }),
  };
}
