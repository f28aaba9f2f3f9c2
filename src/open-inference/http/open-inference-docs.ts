import { applyDecorators } from '@nestjs/common';
import { ERROR_KINDS, type ErrorCode } from '../../common/errors.js';
import { ApiBody, ApiExtraModels, ApiHeader, ApiOkResponse, ApiResponse } from '../../openapi/decorators.js';
import { ASKED_TIME, ASKED_VERSION, PREDICTION_ERRORS } from '../../prediction/http/prediction-docs.js';
import { InferRequestDto, InferResponseDto } from './open-inference.dto.js';

const ERROR = {
  type: 'object' as const,
  required: ['error'],
  properties: { error: { type: 'string', description: 'What was wrong with this request' } },
};
const BINARY = { schema: { type: 'string', format: 'binary' } };
const ref = ({ name }: { name: string }) => ({ schema: { $ref: `#/components/schemas/${name}` } });

/** Documents failures as the protocol has them, gathered by HTTP status. */
export function ApiInferErrors(...codes: ErrorCode[]) {
  return applyDecorators(
    ...[...Map.groupBy(codes, (code) => ERROR_KINDS[code].http)].map(([status, group]) =>
      ApiResponse({
        status,
        description: group.map((code) => ERROR_KINDS[code].title).join('. '),
        content: { 'application/json': { schema: ERROR } },
      }),
    ),
  );
}

/** Bodies, headers and failures of an inference. */
export function ApiInfer() {
  return applyDecorators(
    ApiHeader(ASKED_VERSION),
    ApiHeader(ASKED_TIME),
    ApiHeader({
      name: 'Inference-Header-Content-Length',
      required: false,
      description:
        'Bytes of the JSON that the body begins with; binary data come after it. 0: the body is the only input, raw',
      schema: { type: 'integer', minimum: 0 },
    }),
    ApiBody({ type: InferRequestDto, required: true }),
    ApiExtraModels(InferResponseDto),
    ApiOkResponse({ content: { 'application/json': ref(InferResponseDto), 'application/octet-stream': BINARY } }),
    ApiInferErrors(...PREDICTION_ERRORS, 'not_supported'),
  );
}
