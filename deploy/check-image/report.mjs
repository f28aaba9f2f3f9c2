let failures = 0;

/** Runs one check and writes a line about it; what it returns is added to the line. True when it passed. */
export async function check(name, run) {
  try {
    const remark = await run();
    console.log(`ok    ${name}${remark ? `: ${remark}` : ''}`);
    return true;
  } catch (error) {
    failures += 1;
    console.log(`FAIL  ${name}: ${error.message.replaceAll('\n', '\n        ')}`);
    return false;
  }
}

/** A check that cannot be made here. CI has what all checks need, so there it is a failure. */
export function skip(name, reason) {
  if (process.env.CI) failures += 1;
  console.log(`${process.env.CI ? 'FAIL' : 'skip'}  ${name}: ${reason}`);
}

/** Takes over the lines of checks that ran in another process, and whether they passed. */
export function include(code, lines) {
  process.stdout.write(lines);
  if (code !== 0) failures += 1;
}

/** Says something that is neither good nor bad. */
export function note(line) {
  console.log(`      ${line}`);
}

export function expect(condition, message) {
  if (!condition) throw new Error(message);
}

export function exitCode() {
  return failures === 0 ? 0 : 1;
}
