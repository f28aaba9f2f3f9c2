/** What `node --cpu-prof` writes, as far as it is read here. */
export interface CpuProfile {
  nodes: ProfileNode[];
  /** Node ids, one for each sample. */
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
}

/** Microseconds that were spent in functions themselves, not in what they call. Idle time is left out. */
export interface SelfTimes {
  groups: Map<string, number>;
  functions: Map<string, number>;
}

/** Adds up the samples between two moments, in microseconds from the start of the profile. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile, from: number, to: number): SelfTimes {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node])));
  const groups = new Map<string, number>();
  const functions = new Map<string, number>();
  let at = 0;
  for (const [index, id] of samples.entries()) {
    const us = timeDeltas[index] as number;
    at += us;
    const node = byId.get(id) as ProfileNode;
    const { functionName, url, lineNumber } = node.callFrame;
    if (at < from || at > to || functionName === '(idle)') continue;
    const group = groupOf(node);
    add(groups, group, us);
    add(functions, `${functionName || '(anonymous)'} ${url ? `${file(url)}:${lineNumber + 1}` : `in ${group}`}`, us);
  }
  return { groups, functions };

  /** What V8 and native code do is put down to the script that called it. */
  function groupOf(node: ProfileNode): string {
    const { url, functionName } = node.callFrame;
    if (url !== '') return groupOfScript(url);
    const parent = parents.get(node.id);
    if (!parent || functionName.startsWith('(')) return functionName;
    return groupOf(parent);
  }
}

/** The package; node's own by module, the service's own by folder. */
function groupOfScript(url: string): string {
  const parts = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url);
  if (parts?.[1] !== undefined) return parts[1];
  if (url.startsWith('node:')) return url;
  return `own ${/\/(?:dist|lanes)\/(.+)\/[^/]+$/.exec(url)?.[1] ?? file(url)}`;
}

function file(url: string): string {
  return /.*\/node_modules\/(.+)$/.exec(url)?.[1] ?? /\/(?:dist|bench)\/(.+)$/.exec(url)?.[1] ?? url;
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us);
}
