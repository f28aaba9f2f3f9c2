import { applyDecorators } from '@nestjs/common';
import { type ErrorCode } from '../../common/errors.js';
import { ApiProblems } from '../../http/api-problems.js';
import { ApiHeader } from '../../openapi/decorators.js';

/** What can go wrong with a prediction. */
export const PREDICTION_ERRORS: ErrorCode[] = [
  'malformed_json',
  'validation_failed',
  'version_conflict',
  'model_not_found',
  'version_not_found',
  'payload_too_large',
  'unsupported_media_type',
  'inference_failed',
  'non_finite_output',
  'internal',
  'model_not_ready',
  'model_unavailable',
  'overloaded',
];

/** The headers and failures that every prediction has in common. */
export function ApiPrediction() {
  return applyDecorators(
    ApiHeader({
      name: 'X-Model-Version',
      required: false,
      description: 'A version, a label, `latest`, or a semver range such as `^1`',
    }),
    ApiHeader({
      name: 'X-Request-Id',
      required: false,
      description: 'Comes back in the answer and stands in the log; made where it is not sent',
    }),
    ApiHeader({
      name: 'traceparent',
      required: false,
      description: 'The trace that the request is part of, as W3C has it; read where traces are collected',
    }),
    ApiProblems(...PREDICTION_ERRORS),
  );
}
