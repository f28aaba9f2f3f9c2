/** What the files and the operators say of a model `m`, and what must come of it: the rules, without any of the code. */
export class ExpectedModel {
  /** What each version's files hold: the weight that it answers by, or `bad` where it cannot be loaded. */
  files = new Map<string, number | 'bad'>();
  file: { default?: string; labels: Record<string, string>; versions?: string[] } = { labels: {} };
  decisions = new Map<string, string>();
  /** The weights that versions answer by: what is bad does not replace what was good. */
  private serving = new Map<string, number>();

  /** Brings what serves into line. */
  settle(): void {
    for (const version of [...this.serving.keys()]) if (!this.isWanted(version)) this.serving.delete(version);
    for (const [version, content] of this.files)
      if (this.isWanted(version) && content !== 'bad') this.serving.set(version, content);
  }

  /** The process dies and starts: only the files and the decisions are left. */
  restart(): void {
    this.serving = new Map();
    this.settle();
  }

  isLoadedByFile(version: string): boolean {
    return this.file.versions?.includes(version) ?? true;
  }

  /** What GET says of the labels. */
  get labels(): Record<string, string> {
    const labels = Object.entries(this.file.labels).filter(([, version]) => this.files.has(version) && this.isLoadedByFile(version)); // prettier-ignore
    return Object.fromEntries([...labels, ...this.decided('label')]);
  }

  get default(): string | undefined {
    return this.decisions.get('default/') ?? this.file.default;
  }

  get versions(): string[] {
    return [...this.files.keys()].sort();
  }

  /** What a request with a selector gets: the weight and version that answer, or a status. */
  answer(selector?: string): string {
    if (selector === undefined) return this.defaultAnswer();
    const version = this.files.has(selector) ? selector : this.labels[selector];
    if (version === undefined || !this.files.has(version) || !this.isWanted(version)) return '404 version_not_found';
    return this.serves(version) ?? '503 model_unavailable';
  }

  canServe(name: string): boolean {
    return this.serving.has(this.files.has(name) ? name : (this.labels[name] ?? ''));
  }

  /** The version that the default means now. */
  get defaultVersion(): string | undefined {
    const { default: name } = this;
    if (name === undefined) return this.versions.findLast((version) => this.serving.has(version));
    const version = this.files.has(name) ? name : this.labels[name];
    return version !== undefined && this.files.has(version) ? version : undefined;
  }

  private defaultAnswer(): string {
    const version = this.defaultVersion;
    return (version === undefined ? undefined : this.serves(version)) ?? '503 model_unavailable';
  }

  private serves(version: string): string | undefined {
    const weight = this.serving.get(version);
    return weight === undefined ? undefined : `${version} says ${weight}`;
  }

  private isWanted(version: string): boolean {
    const decision = this.decisions.get(`version/${version}`);
    return this.files.has(version) && decision !== 'unload' && (decision === 'load' || this.isLoadedByFile(version));
  }

  private decided(kind: string): [string, string][] {
    return [...this.decisions].flatMap(([key, value]) =>
      key.startsWith(`${kind}/`) ? [[key.slice(kind.length + 1), value] as [string, string]] : [],
    );
  }
}
