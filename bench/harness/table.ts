/** A markdown table, its columns padded so that it reads as text too. All but the first column stand to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => pad(cells[column] ?? '', width, column)).join(' | ')} |`;
  const rule = widths.map((width, column) => '-'.repeat(width - (column === 0 ? 0 : 1)) + (column === 0 ? '' : ':'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** A number with as many digits as it deserves: 1,234, 56.7, 8.91, 0.234. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = [100, 10, 1].filter((limit) => value < limit).length;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
