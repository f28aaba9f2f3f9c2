/** What a version answered once, in the order in which it was published. */
interface Content {
  version: number;
  /** Counts all contents of all versions. */
  order: number;
}

/** A look at the world when a request left: nothing older than this may answer it. */
export interface Seen {
  default: number;
  byVersion: ReadonlyMap<number, number>;
}

/**
 * Knows which content of which version may answer: each content answers with a number of its own. What one client has
 * seen in force no later request may find undone.
 */
export class AnswersInForce {
  private readonly contents = new Map<number, Content>();
  private newestDefault = 0;
  private newest: ReadonlyMap<number, number> = new Map();

  /** From now on this number may be the answer of that version. */
  publish(answer: number, version: number): void {
    this.contents.set(answer, { version, order: this.contents.size });
  }

  /** To be kept with a request when it leaves. */
  get seen(): Seen {
    return { default: this.newestDefault, byVersion: this.newest };
  }

  /**
   * @param pin the version that was asked for; undefined for the default, which is the highest
   * @param version the version that the answer names
   * @returns what is wrong with the answer, if anything is
   */
  check(answer: number, version: number, pin: number | undefined, before: Seen): string | undefined {
    const content = this.contents.get(answer);
    if (!content) return `nobody answers ${answer}`;
    if (content.version !== version) return `version ${version} gave the answer of version ${content.version}`;
    if (pin !== undefined && version !== pin) return `version ${pin} was asked for, and version ${version} answered`;
    if (pin === undefined && version < before.default) {
      return `version ${version} answered as the default after version ${before.default} had`;
    }
    if (content.order < (before.byVersion.get(version) ?? 0)) return `version ${version} gave an answer of before`;
    if (pin === undefined) this.newestDefault = Math.max(this.newestDefault, version);
    const newest = this.newest.get(version) ?? 0;
    if (content.order > newest) this.newest = new Map([...this.newest, [version, content.order]]);
    return undefined;
  }
}
