/** One row of the error table: how a failure shows over HTTP and gRPC, and its title for people. */
interface ErrorKind {
  http: number;
  /** Number of the gRPC status, see https://grpc.io/docs/guides/status-codes/ */
  grpc: number;
  title: string;
}

/** Every failure that a client can meet. The code is part of the contract; the title may be reworded. */
export const ERROR_KINDS = {
  malformed_json: { http: 400, grpc: 3, title: 'The body is not valid JSON' },
  malformed_request: { http: 400, grpc: 3, title: 'The request is not valid HTTP' },
  validation_failed: { http: 400, grpc: 3, title: 'The request is not valid' },
  version_conflict: { http: 400, grpc: 3, title: 'Path and header ask for different versions' },
  unauthorized: { http: 401, grpc: 16, title: 'The caller is not known' },
  forbidden: { http: 403, grpc: 7, title: 'The caller may not do this' },
  model_not_found: { http: 404, grpc: 5, title: 'No such model' },
  version_not_found: { http: 404, grpc: 5, title: 'No such model version' },
  features_not_found: { http: 404, grpc: 5, title: 'No features are stored for this key' },
  prediction_not_found: { http: 404, grpc: 5, title: 'No such prediction is kept' },
  route_not_found: { http: 404, grpc: 12, title: 'No such route' },
  method_not_allowed: { http: 405, grpc: 12, title: 'Method not allowed' },
  request_timeout: { http: 408, grpc: 4, title: 'The request took too long to arrive' },
  conflict: { http: 409, grpc: 9, title: 'The change does not fit the state of the model' },
  payload_too_large: { http: 413, grpc: 8, title: 'The body is too large' },
  unsupported_media_type: { http: 415, grpc: 3, title: 'Unsupported media type' },
  rate_limited: { http: 429, grpc: 8, title: 'Too many requests' },
  headers_too_large: { http: 431, grpc: 8, title: 'The headers are too large' },
  inference_failed: { http: 500, grpc: 13, title: 'The model could not be run' },
  stored_features_invalid: { http: 500, grpc: 13, title: 'What is stored for this key cannot be used' },
  non_finite_output: { http: 500, grpc: 13, title: 'The model answered with a number that is not finite' },
  internal: { http: 500, grpc: 13, title: 'Internal error' },
  not_supported: { http: 501, grpc: 12, title: 'The protocol has this, and the service does not' },
  model_not_ready: { http: 503, grpc: 14, title: 'The model is still loading' },
  model_unavailable: { http: 503, grpc: 14, title: 'The model cannot serve' },
  dependency_unavailable: { http: 503, grpc: 14, title: 'Something that this needs is away' },
  deadline_exceeded: { http: 504, grpc: 4, title: 'The time for this request is up' },
  overloaded: { http: 503, grpc: 14, title: 'Too many requests are waiting' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** A request is told so many of its problems at most. */
export const MAX_PROBLEMS = 1000;

/** One thing that is wrong with a request. `path` is a JSON pointer (RFC 6901) into the body. */
export interface FieldProblem {
  path: string;
  message: string;
  code: string;
}

interface DomainErrorDetails {
  errors?: FieldProblem[];
  /** Seconds after which a retry may succeed; only for 429 and 503. */
  retryAfter?: number;
  /** What would let the caller in, as `WWW-Authenticate` has it; only for 401 and 403. */
  challenge?: string;
  cause?: unknown;
}

/** A failure with a place in the error table. Its message is shown to clients; its cause only to the log. */
export class DomainError extends Error {
  readonly errors: FieldProblem[] | undefined;
  readonly retryAfter: number | undefined;
  readonly challenge: string | undefined;

  constructor(
    readonly code: ErrorCode,
    message: string,
    { errors, retryAfter, challenge, cause }: DomainErrorDetails = {},
  ) {
    super(message, { cause });
    this.errors = errors;
    this.retryAfter = retryAfter;
    this.challenge = challenge;
  }
}

/** The first line of whatever was thrown: for log lines and reasons, where a stack trace has no place. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}
