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
  'features_not_found',
  'payload_too_large',
  'unsupported_media_type',
  'inference_failed',
  'non_finite_output',
  'stored_features_invalid',
  'internal',
  'model_not_ready',
  'model_unavailable',
  'overloaded',
  'dependency_unavailable',
  'deadline_exceeded',
];

const HIT_OR_MISS = { type: 'string' as const, enum: ['hit', 'miss'] };
const COUNT = { type: 'integer' as const, minimum: 0 };
const AGE = {
  description: 'Where it is a hit: seconds since it was predicted',
  schema: COUNT,
};

/** What an answer says of the cache, where it was asked. */
export const CACHE_HEADERS = {
  'X-Cache': {
    description: 'Where predictions are cached: whether this one was made before',
    schema: HIT_OR_MISS,
  },
  Age: AGE,
};

export const BATCH_CACHE_HEADERS = {
  'X-Cache': {
    description: 'Where predictions are cached: `hit` where all of them were made before',
    schema: HIT_OR_MISS,
  },
  'X-Cache-Hits': { description: 'How many of them were', schema: COUNT },
  Age: { ...AGE, description: 'Where some are hits: seconds since the oldest of them was predicted' },
};

export const ASKED_VERSION = {
  name: 'X-Model-Version',
  required: false,
  description: 'A version, a label, `latest`, or a semver range such as `^1`',
  schema: { type: 'string' as const, maxLength: 256, pattern: '^[^,]*$' },
};
export const ASKED_TIME = {
  name: 'X-Request-Timeout-Ms',
  required: false,
  description: 'Milliseconds that it may take, if fewer than the service allows',
  schema: { type: 'integer' as const, minimum: 1, maximum: 999_999_999 },
};

/** The headers and failures that every prediction has in common. */
export function ApiPrediction() {
  return applyDecorators(
    ApiHeader(ASKED_VERSION),
    ApiHeader(ASKED_TIME),
    ApiHeader({
      name: 'X-Request-Id',
      required: false,
      description: 'Comes back in the answer and stands in the log; made where it is not sent',
    }),
    ApiHeader({
      name: 'Cache-Control',
      required: false,
      description:
        'Where predictions are cached: `no-cache` has it made anew, `no-store` not kept either, `max-age` bounds its age in seconds',
    }),
    ApiHeader({
      name: 'traceparent',
      required: false,
      description: 'The trace that the request is part of, as W3C has it; read where traces are collected',
    }),
    ApiProblems(...PREDICTION_ERRORS),
  );
}
