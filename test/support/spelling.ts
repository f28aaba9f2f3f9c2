import fc from 'fast-check';

/** Ways to write a number in JSON that mean the same. */
export function numberText(value: number): fc.Arbitrary<string> {
  const plain = String(value);
  const isPlain = /^-?\d+(\.\d+)?$/.test(plain);
  const padded = isPlain ? [plain.includes('.') ? `${plain}00` : `${plain}.0`, `${plain}e0`, `${plain}E+00`] : [];
  const shifted =
    value !== 0 && isPlain && Number(`${plain}0e-1`) === value && !plain.includes('.') ? [`${plain}0e-1`] : [];
  return fc.constantFrom(plain, ...padded, ...shifted);
}

/** Texts of one JSON object, in any order and with any space, with its numbers written in any way. */
export function spellings(row: Record<string, unknown>): fc.Arbitrary<string> {
  const members = Object.entries(row).map(([name, value]) =>
    valueText(value).map((text) => `${JSON.stringify(name)}:${text}`),
  );
  return fc
    .tuple(fc.tuple(...members), fc.constantFrom('', ' ', '\n\t'))
    .chain(([texts, space]) =>
      fc
        .shuffledSubarray(texts, { minLength: texts.length })
        .map((order) => `{${space}${order.join(`,${space}`)}${space}}`),
    );
}

function valueText(value: unknown): fc.Arbitrary<string> {
  if (typeof value === 'number') return numberText(value);
  if (!Array.isArray(value)) return fc.constant(JSON.stringify(value));
  return fc.tuple(...value.map(valueText)).map((texts) => `[${texts.join(', ')}]`);
}
