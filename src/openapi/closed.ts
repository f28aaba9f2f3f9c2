import { ApiExtension } from './decorators.js';

/** Where a schema of the OpenAPI document says so until it is shown. */
export const CLOSED_EXTENSION = 'x-closed';

/** Says of a body's class that it takes no names but its own, as `Envelope` sees to. */
export function Closed() {
  return ApiExtension(CLOSED_EXTENSION, true);
}
