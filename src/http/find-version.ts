import { type IncomingMessage } from 'node:http';
import { beforeDeadline, type Caller } from '../common/caller.js';
import { RequestContext } from '../common/request-context.js';
import { type Resolved, type Target } from '../registry/model-registry.js';
import { versionAskedBy } from './asked-version.js';

/** A data plane: it knows which version answers. */
interface Resolver {
  resolve(target: Target, caller: Caller): Resolved | Promise<Resolved>;
}

/**
 * Finds the version that answers a request, and names it in the log and in the answer's headers, an error's too. A
 * promise only where the version is loaded first.
 *
 * @throws DomainError what `resolve` throws; `validation_failed`, `deadline_exceeded`
 */
export function findVersion(plane: Resolver, target: Target, request: IncomingMessage): Resolved | Promise<Resolved> {
  const context = RequestContext.of(request);
  const found = plane.resolve({ ...target, headerVersion: versionAskedBy(request) }, context);
  const note = (resolved: Resolved) => {
    context.isFor(resolved);
    return resolved;
  };
  if (found instanceof Promise) return beforeDeadline(found, context, 'the model was loaded').then(note);
  return note(found);
}
