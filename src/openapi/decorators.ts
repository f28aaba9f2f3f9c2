import type * as Swagger from '@nestjs/swagger';

/** Decorates something with the real decorator. */
type Note = (swagger: typeof Swagger) => void;

const notes: Note[] = [];

export const ApiBody = noted('ApiBody');
export const ApiExtension = noted('ApiExtension');
export const ApiExtraModels = noted('ApiExtraModels');
export const ApiHeader = noted('ApiHeader');
export const ApiOkResponse = noted('ApiOkResponse');
export const ApiOperation = noted('ApiOperation');
export const ApiParam = noted('ApiParam');
export const ApiProduces = noted('ApiProduces');
export const ApiProperty = noted('ApiProperty');
export const ApiPropertyOptional = noted('ApiPropertyOptional');
export const ApiQuery = noted('ApiQuery');
export const ApiResponse = noted('ApiResponse');
export const ApiServiceUnavailableResponse = noted('ApiServiceUnavailableResponse');
export const ApiTags = noted('ApiTags');

/** Decorates all that was decorated since the last call, with the decorators that @nestjs/swagger has. */
export function decorate(swagger: typeof Swagger): void {
  for (const note of notes.splice(0)) note(swagger);
}

/**
 * A decorator of @nestjs/swagger that does not load it: it notes what it was given, and where it stands, for
 * `decorate`. Only the documentation reads what it says, and with all that it needs the package is a quarter of the
 * modules of a start (540 of 2,246).
 */
function noted<Name extends `Api${string}` & keyof typeof Swagger>(name: Name): (typeof Swagger)[Name] {
  type Decorator = (...words: unknown[]) => (...place: unknown[]) => void;
  const decorator: Decorator =
    (...words) =>
    (...place) => {
      notes.push((swagger) => {
        (swagger[name] as Decorator)(...words)(...place);
      });
    };
  return decorator as (typeof Swagger)[Name];
}
