/**
 * Clients that ask without a pause, each answer checked against the one that its row got alone.
 *
 *     node restless.ts URL CLIENTS    (until its standard input ends; then prints RestlessSeen)
 */
import { creditRiskRow } from '../harness/credit-risk-rows.ts';
import { HttpClient } from './http-client.ts';
import { isRight, KnownRows } from './known-rows.ts';

export interface RestlessSeen {
  /** When each answer came, in milliseconds since 1970, and how long it had taken. */
  answers: { at: number; ms: number }[];
  /** Answers that belong to another row. */
  wrong: number;
  /** What happened to requests that were not answered with 200. */
  lost: string[];
}

const [url = '', clients = ''] = process.argv.slice(2);
const client = new HttpClient(url);
const known = await KnownRows.learn(
  client,
  'credit-risk',
  Array.from({ length: 100 }, (_, index) => creditRiskRow(index)),
);
const seen: RestlessSeen = { answers: [], wrong: 0, lost: [] };
let isGoing = true;
process.stdin.resume().on('end', () => (isGoing = false));
await Promise.all(Array.from({ length: Number(clients) }, () => keepAsking()));
process.stdout.write(JSON.stringify(seen));
client.close();

async function keepAsking(): Promise<void> {
  while (isGoing) {
    const question = known.single();
    const asked = performance.now();
    try {
      const answer = await client.ask(question);
      seen.answers.push({ at: Date.now(), ms: performance.now() - asked });
      if (answer.status !== 200) seen.lost.push(`status ${answer.status}`);
      else if (!isRight(answer, question)) seen.wrong++;
    } catch (error) {
      seen.lost.push(String(error));
    }
  }
}
