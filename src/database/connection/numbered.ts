/** A statement whose parameters are written as `?`, with them as PostgreSQL writes them. */
export function numbered(sql: string): string {
  let last = 0;
  return sql.replaceAll('?', () => `$${String(++last)}`);
}
