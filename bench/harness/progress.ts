/** Says on stderr what goes on; stdout is for the tables. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
