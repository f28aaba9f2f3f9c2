import { BARE_ECHO, BARE_GRPC_ECHO } from '../lanes/bare-node/lane.ts';
import { type Lane } from '../lanes/lane.ts';
import { MLSERVER } from '../lanes/mlserver/lane.ts';
import { NESTOR_QUIET } from '../lanes/nestor/lane.ts';
import { measure } from './compare.ts';
import { LOAD_CORE, SERVER_CORE } from './cores.ts';
import { type LoadGenerator } from './load.ts';
import {
  GRPC_LARGE,
  GRPC_ROW,
  GRPC_WIDE_ROWS,
  LARGE,
  LARGE_ECHO,
  PREDICT,
  ROW,
  ROWS_BINARY,
  ROWS_JSON,
  WIDE_BINARY,
  WIDE_JSON,
  WIDE_ROWS_BINARY,
  WIDE_ROWS_JSON,
} from './open-inference-requests.ts';
import { progress } from './progress.ts';
import { type RepeatedRequest } from './scenario.ts';
import { Server } from './server.ts';
import { median, ratios, shuffled } from './statistics.ts';
import { figure, table } from './table.ts';
import { asPart, asTimes, atLeast, atMost, type Verdict } from './verdict.ts';
import { perSecond, type Window } from './windows.ts';

/** One request of one lane. */
interface Entry {
  lane: Lane;
  request: RepeatedRequest;
}

/** Requests that take turns, and what the first of them may take at most of what another one does. */
interface Contest {
  entries: readonly [Entry, ...Entry[]];
  /** CPU time, by the other's place in the list; or the rate, which must be so much at least. */
  targets: readonly { than: number; cpu?: number; rate?: number }[];
}

const nestor = (request: RepeatedRequest): Entry => ({ lane: NESTOR_QUIET, request });
const mlserver = (request: RepeatedRequest): Entry => ({ lane: MLSERVER, request });

const CONTESTS: readonly Contest[] = [
  {
    entries: [nestor(ROW), nestor(PREDICT), mlserver(ROW)],
    targets: [
      { than: 1, cpu: 1.4 },
      { than: 2, cpu: 1 / 12 },
    ],
  },
  { entries: [nestor(ROWS_JSON), mlserver(ROWS_JSON)], targets: [{ than: 1, cpu: 1 / 4 }] },
  { entries: [nestor(ROWS_BINARY), nestor(ROWS_JSON)], targets: [{ than: 1, cpu: 1 }] },
  { entries: [nestor(WIDE_BINARY), nestor(WIDE_JSON)], targets: [{ than: 1, cpu: 1 / 2 }] },
  { entries: [nestor(WIDE_ROWS_BINARY), nestor(WIDE_ROWS_JSON)], targets: [{ than: 1, cpu: 1 / 8 }] },
  { entries: [nestor(LARGE), { lane: BARE_ECHO, request: LARGE_ECHO }], targets: [{ than: 1, rate: 1 / 3 }] },
  { entries: [nestor(GRPC_ROW), mlserver(GRPC_ROW)], targets: [{ than: 1, cpu: 1 / 3 }] },
  { entries: [nestor(GRPC_WIDE_ROWS), nestor(WIDE_ROWS_JSON)], targets: [{ than: 1, cpu: 1 / 8 }] },
  {
    entries: [nestor(GRPC_LARGE), { lane: BARE_GRPC_ECHO, request: GRPC_LARGE }],
    targets: [{ than: 1, rate: 1 / 3 }],
  },
];

export interface ContestResult {
  entries: { lane: string; request: string; windows: Window[] }[];
  targets: Contest['targets'];
}

const WARM_UP_SECONDS = 2;
const ROUNDS = 12;

/** Requests of the Open Inference Protocol: against each other, against /predict, MLServer, and a server that only echoes. */
export async function openInference({
  rounds = ROUNDS,
  seconds = 1,
  load,
}: {
  rounds?: number | undefined;
  seconds?: number | undefined;
  load: LoadGenerator;
}): Promise<ContestResult[]> {
  const results: ContestResult[] = [];
  for (const { entries, targets } of CONTESTS)
    results.push({ entries: await contest(entries, { rounds, seconds, load }), targets });
  return results;
}

async function contest(
  entries: readonly Entry[],
  { rounds, seconds, load }: { rounds: number; seconds: number; load: LoadGenerator },
): Promise<ContestResult['entries']> {
  const servers = new Map<Lane, Server>();
  try {
    for (const { lane, request } of entries) {
      if (servers.has(lane)) continue;
      await lane.prepare();
      progress(`open-inference: starting ${lane.name}`);
      servers.set(lane, await Server.start(lane, request, SERVER_CORE));
    }
    const turns = entries.map(({ lane, request }) => ({
      server: servers.get(lane) as Server,
      request,
      windows: [] as Window[],
    }));
    for (const { server, request } of turns) {
      await load(server.urlOf(request), request, WARM_UP_SECONDS, LOAD_CORE);
      await server.quiet();
    }
    for (let round = 1; round <= rounds; round++) {
      progress(`open-inference: ${entries.map(({ request }) => request.name).join(', ')}: round ${round} of ${rounds}`);
      for (const { server, request, windows } of shuffled(turns))
        windows.push(await measure(server, request, seconds, load));
    }
    return turns.map(({ server, request, windows }) => ({ lane: server.lane.name, request: request.name, windows }));
  } finally {
    await Promise.all([...servers.values()].map((server) => server.stop()));
  }
}

export function openInferenceTable(results: readonly ContestResult[]): string {
  return table(
    ['request', 'lane', 'CPU µs/request', 'to the first', 'requests/s', 'p99 ms', 'errors'],
    results.flatMap(({ entries }) =>
      entries.map(({ lane, request, windows }) => {
        const middle = (read: (window: Window) => number) => figure(median(windows.map(read)));
        const first = entries[0]?.windows ?? [];
        const errors = windows.flatMap((window) => Object.values(window.errors)).reduce((sum, count) => sum + count, 0);
        return [
          request,
          lane,
          middle(({ cpuUs }) => cpuUs),
          figure(median(ratiosOf(windows, first, ({ cpuUs }) => cpuUs))),
          middle(perSecond),
          middle(({ p99Ms }) => p99Ms),
          String(errors),
        ];
      }),
    ),
  );
}

export function openInferenceTargets(results: readonly ContestResult[]): Verdict[] {
  return results.flatMap(({ entries, targets }) =>
    targets.map(({ than, cpu, rate }) => {
      const [first, other] = [entries[0], entries[than]] as [(typeof entries)[0], (typeof entries)[0]];
      const who = `${first.request} to ${other.request} of ${other.lane}`;
      if (cpu !== undefined) {
        const seen = median(ratiosOf(first.windows, other.windows, ({ cpuUs }) => cpuUs));
        return atMost(`CPU time of ${who}`, seen, cpu, cpu < 1 ? asPart : asTimes);
      }
      return atLeast(`rate of ${who}`, median(ratiosOf(first.windows, other.windows, perSecond)), rate ?? 0, asTimes);
    }),
  );
}

function ratiosOf(windows: readonly Window[], others: readonly Window[], read: (window: Window) => number): number[] {
  return ratios(windows.map(read), others.map(read));
}
