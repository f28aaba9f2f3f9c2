import { request } from 'node:http';
import { type Service } from './service.js';

/** What a service counts under a name and labels, all series that have them added up; 0 where there is none. */
export async function counted(service: Service, name: string, labels: Record<string, string>): Promise<number> {
  const { text } = await service.get('/metrics');
  return sumOf(text, name, labels);
}

export function sumOf(metrics: string, name: string, labels: Record<string, string>): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const lines = metrics.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const suiting = lines.filter((line) => wanted.every((label) => line.includes(label)));
  return suiting.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Posts a row, and may close its connection before the answer. */
export function leavingClient(url: string, row: object): { leave: () => void } {
  const sent = request(url, { method: 'POST', agent: false, headers: { 'Content-Type': 'application/json' } });
  sent.on('error', () => undefined).end(JSON.stringify(row));
  return { leave: () => sent.destroy() };
}
