import { isIP } from 'node:net';
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

/** A setting that is a part of a whole. */
export function Fraction() {
  return kind(
    'a number from 0 to 1',
    (text) => (/^\d*\.?\d+$/.test(text) ? Number(text) : undefined),
    (value) => value <= 1,
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

/**
 * A setting that is a list of names, separated by commas.
 *
 * @param known those that there are; without them any
 */
export function Names(...known: string[]) {
  return kind(
    known.length > 0 ? `some of ${known.join(', ')}, separated by commas` : 'names separated by commas',
    listed,
    (names) => known.length === 0 || names.every((name) => known.includes(name)),
  );
}

/** A setting that is a list of addresses and networks. */
export function Networks() {
  return kind('addresses or networks such as 10.0.0.0/8 or fd00::/8, separated by commas', listed, (networks) =>
    networks.every(isNetwork),
  );
}

function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** A setting that is a list of origins, as browsers write them, or `*`. */
export function Origins() {
  return kind('origins such as https://app.example.com, separated by commas, or *', listed, (origins) =>
    origins.every((origin) => origin === '*' || isOrigin(origin)),
  );
}

function isOrigin(text: string): boolean {
  return !text.includes('*') && URL.canParse(text) && new URL(text).origin === text;
}

function listed(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

/** So many in so many seconds. */
export interface Rate {
  limit: number;
  seconds: number;
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** A setting that is a rate, `100/1s`, `5000/1m`, or `off`. */
export function Rate() {
  return kind(
    'off, or a rate such as 100/1s, 5000/1m or 100000/1h',
    (text): Rate | 'off' | undefined => {
      if (text.toLowerCase() === 'off') return 'off';
      const [, limit, amount, unit] = /^(\d+)\/(\d*)([smh])$/.exec(text) ?? [];
      if (limit === undefined) return undefined;
      return { limit: Number(limit), seconds: (amount === '' ? 1 : Number(amount)) * (SECONDS[unit ?? ''] as number) };
    },
    (rate) => rate === 'off' || (rate.limit > 0 && rate.seconds > 0 && rate.limit <= 1e9 && rate.seconds <= 86_400),
  );
}

/** A setting that is the address of a server. It may hold a password. */
export function ServerUrl(...schemes: string[]) {
  return kind(`${schemes.map((scheme) => `${scheme}://`).join(' or ')} and a host`, (text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url && schemes.includes(url.protocol.slice(0, -1)) && url.hostname !== '' ? text : undefined;
  });
}

/** A setting that is a path, or the address of a file on a web server. */
export function FileOrUrl() {
  return kind('a file, or https:// or http:// and a host', (text) => {
    if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return text;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url && /^https?:$/.test(url.protocol) && url.username === '' ? text : undefined;
  });
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
