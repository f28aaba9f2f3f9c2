import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkFile } from './checked-file.js';
import { type ColumnType } from './column-type.js';
import { type CsvRow, readCsv } from './csv-file.js';
import { ImportProblem } from './import-problem.js';

const HEADER = 'id,income,score\n';
const TYPES = new Map<string, ColumnType>([
  ['id', 'text'],
  ['income', 'number'],
  ['score', 'integer'],
]);

describe('checkFile', () => {
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nestor-csv-'));
    file = join(folder, 'file.csv');
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function check(content: string | Buffer, types: ReadonlyMap<string, ColumnType> = TYPES, taken?: string[]) {
    await writeFile(file, content);
    return checkFile(file, { key: 'id', types, taken, onProgress: () => undefined });
  }

  const told = (content: string | Buffer, types?: ReadonlyMap<string, ColumnType>, taken?: string[]) =>
    check(content, types, taken).then(
      () => 'nothing',
      (error: unknown) => {
        expect(error).toBeInstanceOf(ImportProblem);
        return (error as Error).message;
      },
    );

  it.each<[string, string | Buffer, string[]]>([
    ['no number', `${HEADER}A,12x,1\nB,1,1.5\n`, ['2: income: must be a number', '3: score: must be a whole number']],
    ['numbers beyond any', `${HEADER}A,1e999,99999999999999999999\n`, ['2: income: must be', '2: score: must be']],
    ['other digits', `${HEADER}A,١٢,1\n`, ['2: income: must be a number']],
    ['a space', `${HEADER}A, 12,1\n`, ['2: income: must be a number']],
    ['short rows', `${HEADER}A,1\nB\n`, ['2: has 2 columns, and the header has 3', '3: has 1 column,']],
    ['a long row', `${HEADER}A,1,1,1\n`, ['2: has 4 columns']],
    ['a key twice', `${HEADER}A,1,1\nB,1,1\nA,2,2\n`, ['4: id: stands on line 2 already']],
    ['an empty key', `${HEADER}"",1,1\n`, ['2: id: must not be empty']],
    ['no header', 'A,1,1\nB,2,2\n', ['1: column 2 of the header must be the name of', '1: there is no column "id"']],
    ['nothing', '', ['1: is empty']],
    ['the key in capitals', 'ID,score\nA,1\n', ['1: there is no column "id"; did you mean "ID"?']],
    ['other separators', 'id;score\nA;1\n', ['1: there is no column "id": columns are separated by commas']],
    ['a column twice', 'id,Income,income\nA,1,1\n', ['1: column 3 of the header has the name of another one']],
    ['a statement', 'id,"x"" real); drop table events; --"\nA,1\n', ['1: column 2 of the header must be the name of']],
    ['a name of every object', 'id,__proto__\nA,1\n', ['1: column 2 of the header must be the name of a column']],
    ['an empty name', 'id,\nA,1\n', ['1: column 2 of the header must be the name of a column']],
    ['a quote never closed', `${HEADER}A,1,1\nB,"1,1\nC,1,1\n`, ['3: a quote is opened, and never closed']],
    ['a quote in the middle', `${HEADER}A,1"5,1\n`, ['2: a quote stands inside a value']],
    ['more after a quote', `${HEADER}A,"1"5,1\n`, ['2: something follows a closing quote']],
    ['a zero', `${HEADER}A\0,1,1\n`, ['2: id: must be text']],
    ['another encoding', Buffer.from(`${HEADER}A,1,1\nJosé,1,1\n`, 'latin1'), ['3: is not UTF-8']],
    ['UTF-16', Buffer.from(`\uFEFF${HEADER}`, 'utf16le'), ['1: is not UTF-8']],
    ['half a character', Buffer.from(`${HEADER}é`).subarray(0, -1), ['2: is not UTF-8']],
    ['no text at all', Buffer.from(Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 256)), ['is not UTF-8']],
    ['an endless row', `${HEADER}A,"${'x'.repeat(2 * 1024 * 1024)}\n`, ['2: is longer than 1048576 characters']],
  ])('tells of %s by line and column', async (_what, content, problems) => {
    const message = await told(content);
    for (const problem of problems) expect(message).toContain(`file.csv:${problem}`.replace(':is not', ':1: is not'));
    expect(message).not.toMatch(/12x/);
  });

  it('tells twenty problems at a time', async () => {
    const lines = (await told(HEADER + 'x,y,z\n'.repeat(1000))).split('\n');
    expect(lines).toHaveLength(22);
    expect([lines.at(0), lines.at(-1)]).toEqual(['nothing was imported', 'There may be more.']);
  });

  it('takes only columns that the table has', async () => {
    expect(await told('id,scor\nA,1\n', TYPES, ['id', 'score'])).toContain(
      'is not in the table; did you mean "score"?',
    );
    expect(await check('id,score\nA,1\n', TYPES, ['id', 'score'])).toMatchObject({ rows: 1 });
  });

  it('counts a whole number as one key, however it is written', async () => {
    const types = new Map<string, ColumnType>([['id', 'integer']]);
    expect(await told('id\n7\n+07\n', types)).toContain('3: id: stands on line 2 already');
    expect(await check('id\n7\n07\n', new Map([['id', 'text']]))).toMatchObject({ rows: 2 });
  });

  it('takes the narrowest type that holds all of a column', async () => {
    const text =
      'id,whole,real,flag,bit,code,mixed,none,big\n' +
      '1,-5,1.5,true,0,007,1,,9223372036854775807\n' +
      '2,6,.5e3,FALSE,1,123,x,,1\n';
    const { columns } = await check(text, new Map([['id', 'text']]));
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      id: 'text',
      whole: 'integer',
      real: 'number',
      flag: 'boolean',
      bit: 'integer',
      code: 'text',
      mixed: 'text',
      none: 'text',
      big: 'integer',
    });
  });

  it('reads whatever RFC 4180 can write, and counts its lines', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'é', '😀', ';') });
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), fc.boolean(), async (cells, end, hasMark) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const lines = [['a', 'b'], ...cells].map((row) => row.map(quoted).join(','));
        await writeFile(file, (hasMark ? '\uFEFF' : '') + lines.join(end) + end);
        const read: CsvRow[] = [];
        for await (const row of readCsv(file)) read.push(row);
        const plain = cells.map((row) => row.map((text) => text.replaceAll('\r\n', '\n')));
        expect(read.map((row) => row.cells)).toEqual([['a', 'b'], ...plain]);
        let line = 1;
        for (const [index, row] of plain.entries()) {
          line += 1 + row.join('').split('\n').length - 1;
          expect(read[index + 1]?.line).toBe(line);
        }
      }),
      { numRuns: 100 },
    );
  });
});
