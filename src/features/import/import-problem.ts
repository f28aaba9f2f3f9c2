/** Why features cannot be imported: lines for whoever does. */
export class ImportProblem extends Error {}
