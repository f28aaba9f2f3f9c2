/** How keys, which callers send as text, are compared with a column. */
export interface KeyKind {
  /** The key as the database writes it; undefined for one that cannot be in the column. */
  toStored: (key: string) => string | undefined;
  /** Keys as the one parameter of a statement. */
  toParameter: (keys: readonly string[]) => unknown;
}

/** A whole number as databases write it: whatever looks otherwise is another key. */
const WHOLE = /^(0|-?[1-9]\d{0,99})$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Neither can be in a text of PostgreSQL. */
function asText(key: string): string | undefined {
  return key.isWellFormed() && !key.includes('\0') ? key : undefined;
}

function whole(bits?: number): KeyKind {
  const fits = (key: string) => bits === undefined || BigInt.asIntN(bits, BigInt(key)) === BigInt(key);
  return { toStored: (key) => (WHOLE.test(key) && fits(key) ? key : undefined), toParameter: (keys) => [...keys] };
}

const TEXT: KeyKind = { toStored: asText, toParameter: (keys) => [...keys] };

const POSTGRES: Partial<Record<string, KeyKind>> = {
  TEXT,
  VARCHAR: TEXT,
  BPCHAR: TEXT,
  INT2: whole(16),
  INT4: whole(32),
  INT8: whole(64),
  NUMERIC: whole(),
  UUID: {
    toStored: (key) => (UUID.test(key.toLowerCase()) ? key.toLowerCase() : undefined),
    toParameter: (keys) => [...keys],
  },
};

/** A column of SQLite may hold whole numbers and text side by side: keys that could be either are asked for as both. */
const SQLITE: KeyKind = {
  toStored: asText,
  toParameter: (keys) => `[${keys.map((key) => JSON.stringify(key) + (WHOLE.test(key) ? `,${key}` : '')).join(',')}]`,
};

/**
 * How keys are compared with a column.
 *
 * @param type as PostgreSQL calls it
 * @returns undefined where a key could not be told from its neighbour: a column of floats, of times
 */
export function keyKindOf(type: string, isSqlite: boolean): KeyKind | undefined {
  return isSqlite ? SQLITE : POSTGRES[type];
}
