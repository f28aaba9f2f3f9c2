import { type DomainError, ERROR_KINDS } from '../common/errors.js';

/** gRPC's statuses by their numbers, see https://grpc.io/docs/guides/status-codes/ */
const NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export const OK = 0;
export const CANCELLED = 1;
export const DEADLINE_EXCEEDED = 4;
export const NOT_FOUND = 5;
export const RESOURCE_EXHAUSTED = 8;
export const UNIMPLEMENTED = 12;
export const UNAVAILABLE = 14;

/** Clients take 8 KB of trailers, and each character may take nine bytes of them. */
const MAX_DETAILS = 500;

/** Those that OpenTelemetry counts as the server's own: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAULTS = new Set([2, 4, 12, 13, 14, 15]);

export function isServerFault(status: number): boolean {
  return FAULTS.has(status);
}

export function nameOf(status: number): string {
  return NAMES[status] ?? 'UNKNOWN';
}

/** What a client is told of a failure. */
export interface Status {
  code: number;
  details: string;
}

export function toStatus({ code, message }: DomainError): Status {
  return { code: ERROR_KINDS[code].grpc, details: detailsOf(message) };
}

/** A message as it may stand in a header: the library fails on half a surrogate pair. */
export function detailsOf(message: string): string {
  return (message.length > MAX_DETAILS ? `${message.slice(0, MAX_DETAILS)}…` : message).toWellFormed();
}
