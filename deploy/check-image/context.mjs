import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files that a builder would be sent: those below `folder` that its .dockerignore leaves, as relative paths. */
export function contextFiles(folder) {
  const rules = readFileSync(join(folder, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map(rule);
  return walk(folder, '', rules);
}

/** A pattern holds for a path and for all below it. */
function rule(line) {
  const [, negated, pattern] = /^(!?)\/?(.*?)\/?\s*$/.exec(line);
  const expression = pattern.replace(/\*\*\/?|\*|\?|[.+^${}()|[\]\\]/g, (match) => {
    if (match.startsWith('**')) return '(?:.*/)?';
    if (match === '*') return '[^/]*';
    return match === '?' ? '[^/]' : `\\${match}`;
  });
  return { kept: negated === '!', prefix: pattern, matches: new RegExp(`^${expression}(/|$)`) };
}

function walk(folder, path, rules) {
  return readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
    const inner = path === '' ? entry.name : `${path}/${entry.name}`;
    // The last rule that matches decides.
    const kept = rules.findLast(({ matches }) => matches.test(inner))?.kept ?? true;
    if (!entry.isDirectory()) return kept ? [inner] : [];
    const mayHoldKept = kept || rules.some((each) => each.kept && each.prefix.startsWith(`${inner}/`));
    return mayHoldKept ? walk(folder, inner, rules) : [];
  });
}
