import { applyDecorators, SetMetadata } from '@nestjs/common';
import { type Scope } from '../common/principal.js';
import { ApiExtension } from './decorators.js';

/** What AUTH_PUBLIC can open to everybody. */
export type PublicArea = 'probes' | 'metrics' | 'docs';

/** What a route asks of its callers. */
export interface RouteNeeds {
  scope: Scope;
  /** The area that it belongs to: where AUTH_PUBLIC names it, nothing is asked. */
  area?: PublicArea;
}

/** Key of a route's needs among its metadata. */
export const NEEDS = 'nestor:needs';
/** Where an operation of the OpenAPI document has them until it is shown. */
export const NEEDS_EXTENSION = 'x-needs';
/** A route that says nothing is no route for everybody. */
export const UNSAID: RouteNeeds = { scope: 'admin' };

/** Says, of a controller or of one of its routes, which scope its callers need where AUTH is on. */
export function Needs(scope: Scope, area?: PublicArea) {
  const needs: RouteNeeds = { scope, ...(area && { area }) };
  return applyDecorators(SetMetadata(NEEDS, needs), ApiExtension(NEEDS_EXTENSION, needs));
}
