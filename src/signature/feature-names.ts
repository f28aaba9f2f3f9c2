/** Names of all that a row may hold by its schema, at any depth. */
export function featureNames(schema: unknown): Set<string> {
  const names = new Set<string>();
  const collect = (part: unknown) => {
    if (typeof part !== 'object' || part === null) return;
    for (const [keyword, inside] of Object.entries(part)) {
      if (keyword === 'properties') for (const name of Object.keys(inside as object)) names.add(name);
      collect(inside);
    }
  };
  collect(schema);
  return names;
}
