import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';

const BYTES: Record<string, number> = { '': 1, b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
/** Stands for a text that is no value of its setting. */
const UNPARSED = Symbol('unparsed');
const FLAGS: Record<string, boolean> = { true: true, on: true, '1': true, false: false, off: false, '0': false };

/** A setting that is a whole number of a range. */
export function WholeNumber(min: number, max: number) {
  return kind(
    `a whole number from ${String(min)} to ${String(max)}`,
    (text) => (/^-?\d+$/.test(text) ? Number(text) : undefined),
    (value) => value >= min && value <= max,
  );
}

/** A setting that is a size in memory or on the wire: `512kb`, `10mb`, `1gb`, or a number of bytes. */
export function Bytes() {
  return kind(
    'a size such as 512kb, 10mb or 1gb',
    (text) => {
      const [, amount, unit] = /^(\d+(?:\.\d+)?) ?(b|kb|mb|gb)?$/i.exec(text) ?? [];
      return amount === undefined
        ? undefined
        : Math.floor(Number(amount) * (BYTES[(unit ?? '').toLowerCase()] as number));
    },
    (value) => value > 0 && Number.isSafeInteger(value),
  );
}

/** A setting that is either true or false. */
export function Flag() {
  return kind('true or false', (text) =>
    Object.hasOwn(FLAGS, text.toLowerCase()) ? FLAGS[text.toLowerCase()] : undefined,
  );
}

/** A setting that is one of a few words. */
export function OneOf(...words: string[]) {
  return kind(`one of ${words.join(', ')}`, (text) => words.find((word) => word === text.toLowerCase()));
}

/** A setting that is free text. */
export function Text() {
  return kind('text', (text) => text);
}

/** A setting that is a list of names, separated by commas. */
export function Names() {
  return kind('names separated by commas', (text) =>
    text
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
  );
}

/** A setting that says which database: a file of SQLite, or a PostgreSQL server. Its value may hold a password. */
export function DatabaseUrl() {
  return kind('sqlite:<file>, sqlite::memory: or postgres://<user>:<password>@<host>:<port>/<database>', (text) => {
    const isFile = /^sqlite:(?!\/\/(?!\/)).*[^/]$/.test(text); // sqlite://host would be no file
    return isFile || (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) ? text : undefined;
  });
}

function kind<T>(wanted: string, parse: (text: string) => T | undefined, accepts: (value: T) => boolean = () => true) {
  const toValue = Transform(({ value }: { value: unknown }) =>
    typeof value === 'string' ? (parse(value.trim()) ?? UNPARSED) : value,
  );
  const check = ValidateBy({
    name: 'setting',
    validator: {
      validate: (value: unknown) => value === undefined || (value !== UNPARSED && accepts(value as T)),
      defaultMessage: () => `must be ${wanted}`,
    },
  });
  return applyDecorators(toValue, check);
}
