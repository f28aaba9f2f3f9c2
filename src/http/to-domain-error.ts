import { HttpException, NotFoundException } from '@nestjs/common';
import { type Request } from 'express';
import { DomainError } from '../common/errors.js';

/**
 * Whatever was thrown on the way of a request, as a failure of the error table.
 *
 * @param hasDocs whether there is a /docs to point at
 */
export function toDomainError(error: unknown, request: Request, hasDocs: boolean): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof NotFoundException) return unmatched(request, hasDocs);
  const status = error instanceof HttpException ? error.getStatus() : undefined;
  if (status === 400)
    return new DomainError('route_not_found', 'The path cannot be read: its percent-encoding is broken.');
  return new DomainError('internal', 'The server failed on this request. Its log has the request id.', {
    cause: error,
  });
}

function unmatched(request: Request, hasDocs: boolean): DomainError {
  const allowed = allowedMethods(request);
  // The method may be right and the route itself have nothing: /docs/LICENSE.
  if (allowed.length === 0 || allowed.includes(request.method)) {
    const where = hasDocs ? 'GET /docs lists what there is' : 'GET /v1/models lists the models';
    return new DomainError('route_not_found', `There is nothing at this path. ${where}.`);
  }
  return new DomainError('method_not_allowed', `This path takes ${allowed.join(', ')}.`);
}

/** Methods that the request's path would be routed with, by Express's own table. */
export function allowedMethods({ app, path }: Request): string[] {
  const router = app.router as unknown as {
    stack: { route?: { methods: Record<string, boolean> }; match: (path: string) => boolean }[];
  };
  const layers = router.stack.filter((layer) => layer.route && matches(layer, path));
  const methods = new Set(layers.flatMap(({ route }) => Object.keys(route?.methods ?? {})));
  if (methods.has('get')) methods.add('head');
  return [...methods].map((method) => method.toUpperCase()).sort();
}

function matches(layer: { match: (path: string) => boolean }, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    return false; // a path whose percent-encoding is broken
  }
}
