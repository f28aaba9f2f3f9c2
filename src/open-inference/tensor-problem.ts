import { failed, quoted } from './contract.js';

/** What is wrong with the data of an input, as the end of "input …". */
export class TensorProblem extends Error {}

/**
 * Makes something of the data of an input.
 *
 * @throws DomainError `validation_failed` that names the input, where `make` throws a TensorProblem
 */
export function ofInput<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof TensorProblem) throw failed([`input ${quoted(name)} ${error.message}`]);
    throw error;
  }
}
