/** Words that other languages write where JSON has none, and what to write. */
const FOREIGN: Partial<Record<string, string>> = {
  NaN: 'JSON has no NaN; send null where the schema allows it, and tensors as binary data',
  Infinity: 'JSON has no Infinity; send null where the schema allows it, and tensors as binary data',
  None: 'write null',
  undefined: 'write null',
  True: 'write true',
  False: 'write false',
};
const KEYWORDS = new Set(['true', 'false', 'null']);
const WORD = /[A-Za-z_]+/y;
const WHITE_SPACE = new Set(' \t\r\n');
/** What may stand outside of texts: white space, numbers, and what holds values together. */
const OUTSIDE = new Set(' \t\r\n0123456789+-.{}[],:');

/**
 * What is wrong with a text that JSON.parse refused, as the end of "The body …": where, and what to do. V8's own
 * message quotes the text, which is not passed on, and says where only at times.
 */
export function describeMistake(text: string, error: unknown): string {
  if (text.trim() === '') return 'is empty: send a JSON object';
  if (text.startsWith('\uFEFF')) return 'begins with a byte order mark: send UTF-8 without one';
  const { message } = error as Error;
  const position = /at position (\d+)/.exec(message)?.[1];
  let end = text.length;
  while (WHITE_SPACE.has(text[end - 1] as string)) end--;
  if (/end of JSON input|Unterminated string/.test(message) || Number(position) >= end)
    return `ends too early${place(text, end)}: a quote, brace or bracket is not closed`;
  const foreign = firstForeign(text);
  const offset = position === undefined ? foreign?.offset : Number(position);
  const hint = offset === undefined || offset !== foreign?.offset ? undefined : FOREIGN[foreign.word];
  return `is not valid JSON${offset === undefined ? '' : place(text, offset)}${hint === undefined ? '' : `: ${hint}`}`;
}

function place(text: string, offset: number): string {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', start)) {
    line++;
    start = at + 1;
  }
  return ` at line ${line}, column ${offset - start + 1}`;
}

/** The first thing outside of texts that no JSON holds. */
function firstForeign(text: string): { offset: number; word: string } | undefined {
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
    } else if (!OUTSIDE.has(char)) {
      WORD.lastIndex = at;
      const [word = ''] = WORD.exec(text) ?? [];
      const isExponent = /^e$/i.test(word) && /\d/.test(text[at - 1] ?? '');
      if (!KEYWORDS.has(word) && !isExponent) return { offset: at, word };
      at += word.length - 1;
    }
  }
  return undefined;
}
