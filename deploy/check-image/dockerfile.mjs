/**
 * Reads the Dockerfile into instructions: `{ line, name, flags, text }`.
 *
 * It knows what ours uses. What it does not know is an error, never passed over.
 */
export function parse(source) {
  if (/^#\s*escape\s*=/im.test(source)) throw new Error('the escape directive is not known to this check');
  const instructions = [];
  let open;
  source.split('\n').forEach((raw, index) => {
    // A comment, or an empty line, may stand inside an instruction that goes on over several lines.
    if (/^\s*(#|$)/.test(raw)) return;
    open ??= { line: index + 1, text: '' };
    const goesOn = /\\\s*$/.test(raw);
    open.text += goesOn ? raw.replace(/\\\s*$/, '') : raw;
    if (goesOn) return;
    instructions.push(instruction(open));
    open = undefined;
  });
  return instructions;
}

function instruction({ line, text }) {
  const [, name, rest] = /^\s*(\w+)\s+(.*)$/s.exec(text) ?? fail(line, `cannot be read: ${text}`);
  if (/<<-?["']?\w/.test(rest)) fail(line, 'here-documents are not known to this check');
  const flags = [];
  let body = rest;
  // HEALTHCHECK has flags of its own, which say when to run it, not what.
  for (let match; (match = /^--([\w-]+)=(\S+)\s+/.exec(body)); body = body.slice(match[0].length))
    flags.push({ name: match[1], value: match[2] });
  return { line, name: name.toUpperCase(), flags, text: body.trim() };
}

/** `["node", "main.js"]` as its words; the shell form as the shell that runs it. */
export function command(text) {
  return text.startsWith('[') ? JSON.parse(text) : ['/bin/sh', '-c', text];
}

/** `A=1 B="two words"` as pairs, variables filled in. */
export function pairs(text, variables) {
  return [...text.matchAll(/([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)/g)].map(([, name, value]) => [
    name,
    expand(value.replace(/^"(.*)"$/s, '$1'), variables),
  ]);
}

/** Fills in `$NAME`, `${NAME}` and `${NAME:-default}`. */
export function expand(text, variables) {
  return text.replace(
    /\$(?:(\w+)|\{(\w+)(?::-([^}]*))?\})/g,
    (_, bare, braced, otherwise = '') => variables[bare ?? braced] || otherwise,
  );
}

function fail(line, message) {
  throw new Error(`Dockerfile:${line}: ${message}`);
}
