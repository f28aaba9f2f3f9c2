import { type OpenAPIObject } from '@nestjs/swagger';
import { type Settings } from '../config/settings.js';
import { CLOSED_EXTENSION } from '../openapi/closed.js';
import { BatchRequestDto } from '../prediction/http/batch.dto.js';

type Schema = Partial<Record<string, unknown>>;

/** Has schemas say what decorators cannot: that they take no other names, and how many rows. */
export function closeBodies({ components }: OpenAPIObject, { MAX_BATCH_SIZE }: Settings): void {
  const schemas = (components?.schemas ?? {}) as Record<string, Schema>;
  for (const schema of Object.values(schemas)) {
    if (schema[CLOSED_EXTENSION] === undefined) continue;
    Reflect.deleteProperty(schema, CLOSED_EXTENSION);
    schema.additionalProperties = false;
  }
  const { requests } = schemas[BatchRequestDto.name]?.properties as { requests: Schema };
  requests.maxItems = MAX_BATCH_SIZE;
}
