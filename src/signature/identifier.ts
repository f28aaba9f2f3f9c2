/** What quotes cannot be broken out of, in any database, and fits PostgreSQL's names. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** What a name of a table or column may hold, to finish a sentence. */
export const NAME_RULE = 'letters, digits and _, no digit in front, 63 at most';

/** Whether text may stand in a statement as the name of a column. Case counts. */
export function isColumnName(text: string): boolean {
  return IDENTIFIER.test(text) && text !== '__proto__';
}

/** Whether text may stand in a statement as the name of a table, perhaps with its schema's in front. */
export function isTableName(text: string): boolean {
  const parts = text.split('.');
  return parts.length <= 2 && parts.every((part) => IDENTIFIER.test(part));
}

/** The name of a column or a table as a statement has it. */
export function quoted(name: string): string {
  return name
    .split('.')
    .map((part) => `"${part}"`)
    .join('.');
}
